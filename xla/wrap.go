package xla

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"
)

// GoMLX compares a buffer's backend with the one it was given, so an engine wraps what its backend makes. It also owns
// it: everything is freed before the client, in whatever order the garbage collector finds it.

// buffer is a compute.Buffer of an engine.
type buffer struct {
	compute.Buffer
	engine *Engine
	id     uint64
	known  *place // nil: ask the plugin
}

// place is what a buffer is, and where.
type place struct {
	shape  shapes.Shape
	device compute.DeviceNum
}

func (e *Engine) wrap(b compute.Buffer) *buffer { return e.wrapFreedBy(b, b.Finalize) }

func (e *Engine) wrapFreedBy(b compute.Buffer, free finalizer) *buffer {
	w := &buffer{Buffer: b, engine: e, id: e.own(free)}
	runtime.AddCleanup(w, func(id uint64) { _ = e.free(id) }, w.id) // a collected buffer has nobody to tell
	return w
}

func (b *buffer) Backend() compute.Backend { return b.engine }

func (b *buffer) Finalize() error { return b.engine.free(b.id) }

func (b *buffer) Shape() (shapes.Shape, error) {
	if err := b.engine.enter(); err != nil {
		return shapes.Invalid(), err
	}
	defer b.engine.leave()
	if b.known != nil {
		return b.known.shape.Clone(), nil
	}
	return b.Buffer.Shape()
}

func (b *buffer) DeviceNum() (compute.DeviceNum, error) {
	if err := b.engine.enter(); err != nil {
		return 0, err
	}
	defer b.engine.leave()
	if b.known != nil {
		return b.known.device, nil
	}
	return b.Buffer.DeviceNum()
}

func (b *buffer) Data() (any, error) {
	if err := b.engine.enter(); err != nil {
		return nil, err
	}
	defer b.engine.leave()
	return b.Buffer.Data()
}

func (b *buffer) ToFlatData(flat any) error {
	if err := b.engine.enter(); err != nil {
		return err
	}
	defer b.engine.leave()
	return b.Buffer.ToFlatData(flat)
}

func (b *buffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	if err := b.engine.enter(); err != nil {
		return nil, err
	}
	defer b.engine.leave()
	c, err := b.Buffer.CopyToDevice(device)
	if err != nil {
		return nil, asError("copy to device", err)
	}
	return b.engine.wrap(c), nil
}

// BufferFromFlatData copies flat, a slice of shape's dtype in row-major order, to a device. Of a device of another process
// it makes a stand-in, and does not read flat.
func (e *Engine) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	if e.remote(device) {
		return &elsewhere{e, place{shape.Clone(), device}}, nil
	}
	b, err := e.Backend.BufferFromFlatData(device, flat, shape)
	if err != nil {
		return nil, asError("copy from host", err)
	}
	return e.wrap(b), nil
}

// NewSharedBuffer makes a buffer whose memory the host sees as the slice flat, until the buffer is finalized. Of a device
// of another process flat is nobody's memory.
func (e *Engine) NewSharedBuffer(device compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	if err := e.enter(); err != nil {
		return nil, nil, err
	}
	defer e.leave()
	if e.remote(device) {
		return &elsewhere{e, place{shape.Clone(), device}}, dtypes.MakeAnySlice(shape.DType, shape.Size()), nil
	}
	b, flat, err := e.Backend.NewSharedBuffer(device, shape)
	if err != nil {
		return nil, nil, asError("new shared buffer", err)
	}
	return e.wrapFreedBy(b, func() error { return e.freeShared(b.Finalize) }), flat, nil
}

// freeShared frees memory that the host shares with a device, or keeps it for good where one may still read it.
func (e *Engine) freeShared(free finalizer) error {
	if e.stragglers() == 0 {
		return free()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unfreed = append(e.unfreed, free) // not only the memory: what is collected frees itself
	return nil
}

// builder is a compute.Builder whose program the engine counts and keeps.
type builder struct {
	compute.Builder
	engine *Engine
	global bool // over the devices of all processes
}

// Builder starts a new program. On a closed engine everything that it is asked for fails with ErrClosed.
func (e *Engine) Builder(name string) compute.Builder {
	if err := e.enter(); err != nil {
		return &builder{Builder: notimplemented.Builder{ErrFn: func(compute.OpType) error { return err }}, engine: e}
	}
	defer e.leave()
	return &builder{Builder: e.Backend.Builder(name), engine: e}
}

// Main returns the computation's main function. go-xla's own is left to the go engine.
func (b *builder) Main() compute.Function {
	if b.engine.plugin == nil {
		return b.Builder.Main()
	}
	return &function{Function: b.Builder.Main(), builder: b.Builder}
}

func (b *builder) Compile() (compute.Executable, error) {
	e := b.engine
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	e.compile.Lock()
	defer e.compile.Unlock()
	e.begin(b.Name())
	e.current.global = b.global
	inner, err := b.Builder.Compile()
	program, err := e.end(err)
	if err != nil {
		return nil, err
	}
	x := &executable{Executable: inner, engine: e, program: program}
	x.id = e.own(func() error { inner.Finalize(); return nil })
	runtime.AddCleanup(x, func(id uint64) { _ = e.free(id) }, x.id) // freeing an executable cannot fail
	return x, nil
}

// executable is a compute.Executable of an engine.
type executable struct {
	compute.Executable
	engine  *Engine
	program *Program
	id      uint64
	results atomic.Pointer[results]
	others  []compute.Buffer // see around; a program over several processes is executed by one goroutine
}

// results is where a program's results are, of its first execution on a device: GoMLX asks each buffer for its shape and
// device, which are the same every time, and a state of hundreds of buffers on eight devices is thousands of questions.
type results struct {
	on     compute.DeviceNum // that a portable program was told to run on
	places []place
}

// places are those of the outputs, nil for the go engine's, which has the answers at hand.
func (x *executable) places(outputs []compute.Buffer, on compute.DeviceNum) ([]place, error) {
	if x.engine.plugin == nil {
		return nil, nil
	}
	if known := x.results.Load(); known != nil && known.on == on {
		return known.places, nil
	}
	found := &results{on: on, places: make([]place, len(outputs))}
	for i, o := range outputs {
		shape, err := o.Shape()
		if err != nil {
			return nil, err
		}
		device, err := o.DeviceNum()
		if err != nil {
			return nil, err
		}
		found.places[i] = place{shape, device}
	}
	x.results.Store(found)
	return found.places, nil
}

func (x *executable) Finalize() { _ = x.engine.free(x.id) } // freeing an executable cannot fail

func (x *executable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	e := x.engine
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	if !x.program.global {
		return x.execute(inputs, donate, device)
	}
	defer e.several.begin()()
	from, to := e.several.mine(len(inputs))
	if donate != nil {
		donate = donate[from:to]
	}
	outputs, err := x.execute(inputs[from:to], donate, device)
	if err != nil {
		return nil, err
	}
	return x.around(outputs)
}

// execute runs the program on this process's devices.
func (x *executable) execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	e := x.engine
	inner := make([]compute.Buffer, len(inputs))
	for i, in := range inputs {
		b, ok := in.(*buffer)
		if !ok || b.engine != e {
			return nil, fmt.Errorf("xla: execute: input %d is a buffer of another backend, want one of this %s engine", i, e.name)
		}
		inner[i] = b.Buffer
	}
	outputs, err := x.Executable.Execute(inner, donate, device)
	if err != nil {
		err = asError("execute", err)
		if failed, ok := err.(*Error); ok {
			failed.Program = x.program
		}
		return nil, err
	}
	for i, d := range donate {
		if d {
			e.disown(inputs[i].(*buffer).id)
		}
	}
	wrapped := make([]compute.Buffer, len(outputs))
	places, err := x.places(outputs, device)
	for i, o := range outputs {
		w := e.wrap(o)
		if err == nil && places != nil {
			w.known = &places[i]
		}
		wrapped[i] = w
	}
	if err != nil {
		return nil, asError("execute: results", err)
	}
	runtime.KeepAlive(x)
	runtime.KeepAlive(inputs)
	return wrapped, nil
}
