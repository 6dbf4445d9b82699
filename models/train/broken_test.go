package train

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// brokenDevice is a backend whose device fails, or computes with a NaN, when it is told to.
type brokenDevice struct {
	compute.Backend
	// fails says whether a run of a program, counted from 1 over all compilations of that name, fails.
	fails func(program string, run int) bool
	// poisons names a parameter whose first value is NaN in a run; "" for none.
	poisons func(program string, run int) string
	runs    map[string]int
}

var errDevice = errors.New("injected device failure")

// brokenMachine is goMachine with such a device, which fails in the given runs of the step.
func brokenMachine(t testing.TB, steps ...int) (Machine, *brokenDevice) {
	m := goMachine(t)
	b := &brokenDevice{
		Backend: m.Backend, runs: map[string]int{},
		fails:   func(program string, run int) bool { return program == "step" && slices.Contains(steps, run) },
		poisons: func(string, int) string { return "" },
	}
	m.Backend = b
	return m, b
}

// Unwrap is the device behind it, for which graphs are built.
func (d *brokenDevice) Unwrap() compute.Backend { return d.Backend }

// brokenBuffer belongs to the broken device, as GoMLX wants it.
type brokenBuffer struct {
	compute.Buffer
	device *brokenDevice
}

func (b *brokenBuffer) Backend() compute.Backend { return b.device }

func (d *brokenDevice) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	b, err := d.Backend.BufferFromFlatData(device, flat, shape)
	return &brokenBuffer{b, d}, err
}

func (d *brokenDevice) NewSharedBuffer(device compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	b, flat, err := d.Backend.NewSharedBuffer(device, shape)
	return &brokenBuffer{b, d}, flat, err
}

func (d *brokenDevice) Builder(name string) compute.Builder {
	return &brokenBuilder{d.Backend.Builder(name), d}
}

type brokenBuilder struct {
	compute.Builder
	device *brokenDevice
}

func (b *brokenBuilder) Compile() (compute.Executable, error) {
	x, err := b.Builder.Compile()
	name, _, _ := strings.Cut(b.Name(), "#") // GoMLX numbers the shapes of a graph function
	return &brokenExecutable{x, name, b.device}, err
}

type brokenExecutable struct {
	compute.Executable
	name   string
	device *brokenDevice
}

// Execute, when it fails, has lost the donated buffers, as a device has.
func (x *brokenExecutable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	d := x.device
	d.runs[x.name]++
	run := d.runs[x.name]
	if d.fails(x.name, run) {
		for i, given := range donate {
			if given {
				inputs[i].Finalize()
			}
		}
		return nil, errDevice
	}
	inner := make([]compute.Buffer, len(inputs))
	for i, in := range inputs {
		inner[i] = in.(*brokenBuffer).Buffer
	}
	if name := d.poisons(x.name, run); name != "" {
		if err := x.poison(inner, donate, name); err != nil {
			return nil, err
		}
	}
	outputs, err := x.Executable.Execute(inner, donate, device)
	for i, out := range outputs {
		outputs[i] = &brokenBuffer{out, d}
	}
	return outputs, err
}

// poison replaces the buffer of a parameter by one whose first value is NaN.
func (x *brokenExecutable) poison(inputs []compute.Buffer, donate []bool, name string) error {
	names, inputShapes := x.Inputs()
	i := slices.Index(names, name)
	if i < 0 {
		return errors.New("no parameter " + name)
	}
	flat := make([]float32, inputShapes[i].Size())
	if err := inputs[i].ToFlatData(flat); err != nil {
		return err
	}
	flat[0] = float32(math.NaN())
	poisoned, err := x.device.Backend.BufferFromFlatData(0, flat, inputShapes[i])
	inputs[i] = poisoned
	donate[i] = true // it is nobody else's
	return err
}
