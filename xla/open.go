package xla

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // the go engine

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
	// Saved is a program that is loaded from its file in place of compiling the one of its name. What differs from it is
	// refused: the engine by Open, the program when it is compiled. Nil is none. It does not go with Processes.
	Saved *programs.Saved
	// GPU is for the cuda engine alone.
	GPU engine.GPU
	// Processes makes the engine, cpu, cuda or tpu, that of the devices of all of them, Devices of each; "auto" is cpu then.
	// Nil is for this process alone. Open waits for the others. A TPU slice finds its hosts by itself, in an order of its own:
	// see [Engine.LocalDevices].
	Processes *Processes
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
	if o.Saved != nil && o.Processes != nil {
		return nil, fmt.Errorf("%w: a saved program is one of this process alone: leave it out where several compute (--program, --processes)", ErrOptions)
	}
	if o.Processes != nil && name == "auto" { // on every host the same
		name = "cpu"
	}
	if o.Processes != nil && name == "go" {
		return nil, fmt.Errorf("%w: the go engine computes in one process, several need cpu: --backend=cpu", ErrOptions)
	}
	if name == "cpu" || name == "auto" {
		if err := checkHost(); err != nil {
			return nil, err
		}
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
	e := newEngine("go", b)
	if err := e.take(o.Saved); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}
