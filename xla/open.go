package xla

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // the go engine
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"

	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// Options say how to open an engine; the zero value is right for most.
type Options struct {
	// Devices is how many devices to use. cpu: that many virtual devices, 0 means 1. cuda, tpu: the first that many,
	// 0 means all. go: 0 or 1.
	Devices int
	// Plugin is the path of a PJRT plugin to use instead of the installed one.
	Plugin string
	// TF32 lets the cuda engine round the operands of float32 convolutions, and of the matrix products that prepare
	// their inputs, to the 10 bits of TF32, as its tensor cores need it; false multiplies in float32. Matrix products
	// with parameters are float32 in both. The other engines ignore it: the CPU multiplies in float32, and a TPU
	// convolves in bfloat16 with sums in float32 whatever it is asked.
	TF32 bool
	// Programs keeps compiled programs from one process to the next; nil keeps none. A program that is found there is
	// loaded in place of compiling. Plugins that cannot serialize a program do without, and so does the go engine.
	Programs *programs.Store
	// GPU is for the cuda engine alone.
	GPU engine.GPU
}

// maxDevices is that of the largest TPU pods; on the CPU each takes memory and threads.
const maxDevices = 4096

// Open opens an engine: "go", "cpu", "cuda", "tpu", or "auto", which takes the first of tpu, cuda, cpu and go that is
// installed, opens and has the devices asked for. It never downloads anything. Several engines may be open at a time.
//
// A missing plugin is an ErrNoPlugin, a failure inside the plugin an *Error.
func Open(name string, o Options) (*Engine, error) {
	if o.Devices < 0 || o.Devices > maxDevices {
		return nil, fmt.Errorf("%w: %d devices, want 0 to %d: --devices", ErrOptions, o.Devices, maxDevices)
	}
	if err := o.GPU.Validate(); err != nil {
		return nil, fmt.Errorf("xla: gpu: %w", err)
	}
	if name != "cuda" && !o.GPU.IsZero() {
		return nil, fmt.Errorf("xla: options of GPUs are for the cuda engine, got %q", name)
	}
	switch name {
	case "go":
		return openGo(o)
	case "cpu", "cuda", "tpu":
		return openPlugged(name, o)
	case "auto":
		return openAuto(o)
	}
	return nil, fmt.Errorf(`xla: unknown engine %q, want "go", "cpu", "cuda", "tpu" or "auto"`, name)
}

func openAuto(o Options) (*Engine, error) {
	if o.Plugin != "" {
		return nil, fmt.Errorf("xla: a plugin (%s) needs the name of its engine, got \"auto\"", o.Plugin)
	}
	var skipped []error
	for _, name := range []string{"tpu", "cuda", "cpu", "go"} {
		e, err := Open(name, o)
		if err == nil {
			e.skipped = skipped
			return e, nil
		}
		skipped = append(skipped, fmt.Errorf("%s: %w", name, err))
	}
	return nil, fmt.Errorf("xla: no engine opens: %w", errors.Join(skipped...))
}

func openGo(o Options) (*Engine, error) {
	switch {
	case o.Plugin != "":
		return nil, fmt.Errorf("xla: the go engine has no plugin, got %s", o.Plugin)
	case o.Devices > 1:
		return nil, fmt.Errorf("xla: the go engine has one device, got %d: use cpu", o.Devices)
	}
	b, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		return nil, fmt.Errorf("xla: go: %w", err)
	}
	return newEngine("go", b), nil
}

// openPlugged opens an engine that is a PJRT plugin.
func openPlugged(name string, o Options) (*Engine, error) {
	found, err := findPlugin(name, o)
	if err != nil {
		return nil, err
	}
	if name == "tpu" {
		if err := findTPU("/dev"); err != nil {
			return nil, &Error{Op: openTPU, Code: NotFound, Msg: err.Error()}
		}
	}
	if found.CompileOnly {
		return nil, fmt.Errorf("%w for %s: it is installed to compile only, run `mocotpu setup %s`", ErrNoPlugin, name, name)
	}
	e, err := found.open(name, false, clientOptions(name, o), o.Devices)
	if err != nil {
		return nil, err
	}
	e.exact = name == "cuda" && !o.TF32
	e.keep(o.Programs, found)
	return e, nil
}

// open makes an engine of a client of the plugin; devices is 0 for all of them.
func (found foundPlugin) open(name string, compileOnly bool, options pjrt.NamedValuesMap, devices int) (*Engine, error) {
	opening.Lock()
	defer opening.Unlock()
	if err := quietLogs(name); err != nil {
		return nil, err
	}
	if name == "cpu" {
		if err := shareHost(); err != nil {
			return nil, err
		}
	}
	p, err := openPlugin(name, found.Path, compileOnly)
	if err != nil {
		return nil, asError("open "+name, err)
	}
	b, err := p.newClient(name, options)
	if err != nil {
		return nil, asError("create "+name+" client", err)
	}
	if devices > b.NumDevices() {
		n := b.NumDevices()
		b.Finalize()
		return nil, fmt.Errorf("xla: %s: %d devices asked for, there are %d", name, devices, n)
	}
	e := newEngine(name, b)
	e.plugin, e.client = p, p.lastClient()
	if devices > 0 {
		e.devices = devices
	}
	e.version = fmt.Sprintf("%s (PJRT API %d.%d)", strings.TrimSpace(found.Version+" "+p.platformVersion(e.client)), p.major, p.minor)
	clients.Store(e.client, e)
	return e, nil
}

// quietLogs keeps TensorFlow's library, which our CPU plugin stands on, from greeting every user with two lines about
// oneDNN as it is loaded. The variable is about TensorFlow's own operations: XLA's programs give the same numbers, bit
// for bit, with it and without.
func quietLogs(name string) error {
	const variable = "TF_ENABLE_ONEDNN_OPTS"
	if _, set := os.LookupEnv(variable); set || name != "cpu" {
		return nil
	}
	return os.Setenv(variable, "0")
}

// newClient makes a client of the plugin, wrapped as a GoMLX backend.
func (p *plugin) newClient(name string, options pjrt.NamedValuesMap) (*xla.Backend, error) {
	if name == "cpu" && !p.used {
		restore, err := setFlags(cpuFlags(int(options[deviceCount].(int64)), runtime.GOMAXPROCS(0)))
		if err != nil {
			return nil, err
		}
		defer restore()
	}
	p.used = true
	xla.EnableAutoInstall(false)
	config := p.name
	if options[preallocate] == true {
		config += "," + preallocate + "=true" // what go-xla is told this way it heeds
	}
	return xla.NewWithOptions(config, options)
}

// deviceCount is the option of the CPU plugins for their virtual devices.
const deviceCount = "cpu_device_count"

// clientOptions are the options that the plugin's client is made with.
func clientOptions(name string, o Options) pjrt.NamedValuesMap {
	options := pjrt.NamedValuesMap{}
	switch name {
	case "cpu":
		options[deviceCount] = int64(max(1, o.Devices))
	case "cuda":
		if o.Devices > 0 {
			visible := make([]int64, o.Devices)
			for i := range visible {
				visible[i] = int64(i)
			}
			options["visible_devices"] = visible
		}
		gpuOptions(o.GPU, options)
	}
	return options
}
