//go:build cgo

package xla

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"

	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// openPlugged opens an engine that is a PJRT plugin.
func openPlugged(name string, o Options) (*Engine, error) {
	found, err := findPlugin(name, o)
	if err != nil {
		return nil, err
	}
	if name == "tpu" {
		if err := findTPU("/"); err != nil {
			return nil, &Error{Op: openTPU, Code: NotFound, Msg: err.Error()}
		}
	}
	if found.CompileOnly {
		return nil, fmt.Errorf("%w for %s: it is installed to compile only, run `mocotpu setup %s`", ErrNoPlugin, name, name)
	}
	if p := setup.Plugin(found); name == "cpu" && o.Processes != nil && p.Version != "" && !p.SeveralProcesses() {
		return nil, fmt.Errorf("%w: the cpu plugin (%s) was built without Gloo, which several processes need: apt-get install libgloo-dev, then mocotpu setup cpu",
			ErrOptions, p.Version)
	}
	options, err := clientOptions(name, o)
	if err != nil {
		return nil, err
	}
	e, err := found.open(name, false, options, o.Devices, o.Processes)
	if err != nil {
		return nil, err
	}
	e.exact = name == "cuda" && !o.TF32
	if err := e.take(o.Saved); err != nil {
		e.Close()
		return nil, err
	}
	e.keep(o.Programs, found)
	return e, nil
}

// open makes an engine of a client of the plugin; devices is 0 for all of them.
func (found foundPlugin) open(name string, compileOnly bool, options pjrt.NamedValuesMap, devices int, processes *Processes) (*Engine, error) {
	opening.Lock()
	defer opening.Unlock()
	if err := quietLogs(name); err != nil {
		return nil, err
	}
	if name == "cpu" {
		if has := limits.Addresses(); has < leastAddresses {
			return nil, settings.Invalid(fmt.Errorf("ulimit -v leaves this process %s of addresses, and the cpu engine takes %s before it computes: want more, or --backend=go",
				limits.Text(has), limits.Text(leastAddresses)))
		}
		if err := shareHost(); err != nil {
			return nil, err
		}
	}
	p, err := openPlugin(name, found.Path, compileOnly)
	if err != nil {
		return nil, asError("open "+name, err)
	}
	store := p.share(processes, name != "tpu")
	create := func() (*xla.Backend, error) { return p.newClient(name, options) }
	if name == "tpu" && !compileOnly {
		create = func() (*xla.Backend, error) { return ofSlice(processes, p, options) }
	}
	b, err := create()
	if err != nil {
		err = asError("create "+name+" client", err)
		if name == "cuda" && !compileOnly {
			err = explainGPU(err, driverFile)
		}
		return nil, err
	}
	if devices > b.NumDevices() {
		n := b.NumDevices()
		b.Finalize()
		return nil, fmt.Errorf("%w: %s: %d devices, want 0 (all) to the %d that there are: --devices", ErrOptions, name, devices, n)
	}
	e := newEngine(name, b)
	e.plugin, e.client = p, p.lastClient()
	if devices > 0 {
		e.devices = devices
	}
	if found.Version == "" {
		found.Version = ofSize(found.Path)
	}
	e.version = fmt.Sprintf("%s (PJRT API %d.%d)", strings.TrimSpace(found.Version+" "+p.platformVersion(e.client)), p.major, p.minor)
	if processes != nil {
		if err := e.join(processes, store); err != nil {
			e.Close()
			return nil, err
		}
	}
	clients.Store(e.client, e)
	return e, nil
}

// ofSize names a plugin that setup has not installed and knows no version of: two of them say the same of themselves where they
// are of different CUDAs.
func ofSize(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s of %d bytes", filepath.Base(path), info.Size())
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

// leastAddresses is what the CPU plugin's library and its threads take of addresses. With less, some runs of a tiny net were
// aborted by it on two cores.
const leastAddresses = 3 << 30

// newClient makes a client of the plugin, wrapped as a GoMLX backend.
func (p *table) newClient(name string, options pjrt.NamedValuesMap) (*xla.Backend, error) {
	if name == "cpu" && !p.used {
		restore, err := setFlags(cpuFlags(int(options[deviceCount].(int64)), runtime.GOMAXPROCS(0)))
		if err != nil {
			return nil, err
		}
		defer restore()
	}
	if _, several := options["num_nodes"]; several && name == "cuda" && !p.used {
		restore, err := setFlags(severalGPUFlags)
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
func clientOptions(name string, o Options) (options pjrt.NamedValuesMap, err error) {
	options = pjrt.NamedValuesMap{}
	switch name {
	case "cpu":
		options[deviceCount] = int64(max(1, o.Devices))
		err = o.Processes.clientOptions(options)
	case "cuda":
		if o.Devices > 0 {
			visible := make([]int64, o.Devices)
			for i := range visible {
				visible[i] = int64(i)
			}
			options["visible_devices"] = visible
		}
		gpuOptions(o.GPU, options)
		if o.Processes != nil {
			o.Processes.nodes(options)
		}
	}
	return options, err
}

// nodes tells a plugin which process this is, in the words of XLA's GPU client.
func (p *Processes) nodes(options pjrt.NamedValuesMap) {
	options["num_nodes"], options["node_id"] = int64(p.Count), int64(p.Index)
}

// clientOptions tells the cpu engine's plugin of the processes, where there are several.
func (p *Processes) clientOptions(options pjrt.NamedValuesMap) error {
	if p == nil {
		return nil
	}
	p.nodes(options)
	if p.Host != nil {
		host, err := p.Host()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOptions, err)
		}
		if host != "" {
			options["gloo_host"] = host
		}
	}
	if p.Timeout > 0 {
		options["gloo_timeout_seconds"] = int64(max(1, p.Timeout/time.Second))
	}
	return nil
}
