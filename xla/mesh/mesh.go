// Package mesh compiles graph functions into programs over a one-dimensional mesh of devices, the axis
// "data", and runs them.
//
// A program is written once, over global shapes; on more than one device GoMLX's AutoSharding (Shardy) splits
// it. Inputs are split along their first axis or replicated; variables and outputs are replicated.
//
// # Errors
//
// Graph functions panic, as GoMLX's do; Compile and Run return those panics as errors. A failed Run has given
// its variables' buffers away: the store must be filled again (from a checkpoint) before another Run.
//
// # Determinism
//
// The parameters of a program are its inputs, then the variables in the order the graph function used them:
// the same function gives the same program text.
//
// # Several processes
//
// A backend whose devices are those of several processes (a [Spread]) makes a mesh over all of them, of which each process
// compiles and runs every program, in one order. It fills its own parts of split inputs only, gives the same replicated
// ones as the others, and gets the same outputs.
package mesh

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// axis is the name of the mesh's only axis.
const axis = "data"

// Mesh is a row of devices of one backend.
type Mesh struct {
	backend    compute.Backend
	devices    int
	first      int                 // the place of this process's first device
	local      int                 // how many places from there on are its own
	assignment []compute.DeviceNum // the devices at the places; nil where they are 0, 1, 2, ...
	mesh       *distributed.DeviceMesh
	split      *distributed.ShardingSpec
	replicated *distributed.ShardingSpec
}

// New makes a mesh of the backend's first devices. The backend stays the caller's, who closes it last.
func New(b compute.Backend, devices int) (*Mesh, error) {
	if have := b.NumDevices(); devices < 1 || devices > have {
		return nil, fmt.Errorf("mesh: %d devices, want between 1 and the %d that %s has", devices, have, b.Name())
	}
	m := &Mesh{backend: b, devices: devices, local: devices}
	if err := m.share(); err != nil {
		return nil, err
	}
	if devices == 1 {
		return m, nil
	}
	var err error
	if m.mesh, err = distributed.NewDeviceMesh([]int{devices}, []string{axis}); err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	if m.split, err = distributed.BuildSpec(m.mesh).S(axis).Done(); err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	m.replicated = distributed.NewReplicatedShardingSpec(m.mesh)
	return m, nil
}

// Devices is the number of devices.
func (m *Mesh) Devices() int { return m.devices }

// Local returns which places of the mesh are devices of this process: count from first on. They are all of them unless
// the backend is a [Spread].
func (m *Mesh) Local() (first, count int) { return m.first, m.local }

// Backend is what the mesh was made of.
func (m *Mesh) Backend() compute.Backend { return m.backend }

// Donor is a backend that can mark arguments of the next program it compiles as donated: XLA then writes
// an output into its argument's memory. The map goes from parameter to output index.
type Donor interface {
	Donate(aliases map[int]int)
}

// Says reports what a backend says of itself by the method of T, which tells what programs for it should be like: the backend
// itself, or what it wraps and names by a method Unwrap. It is false for one that does not have the method.
//
//	mesh.Says(backend, func(e interface{ StartsLoops() bool }) bool { return e.StartsLoops() })
func Says[T any](b compute.Backend, method func(T) bool) bool {
	for {
		if asked, ok := b.(T); ok {
			return method(asked)
		}
		wrapper, ok := b.(interface{ Unwrap() compute.Backend })
		if !ok {
			return false
		}
		b = wrapper.Unwrap()
	}
}

// Input declares one input of a program by its global shape.
type Input struct {
	// Shape is the global shape; its first axis must be a multiple of the devices unless Replicated.
	Shape shapes.Shape
	// Replicated gives every device the whole tensor.
	Replicated bool
}

// Program is one compiled graph function with its variables.
type Program struct {
	mesh   *Mesh
	name   string
	exec   *model.Exec
	inputs []Input
}

// Compile builds the graph function over the inputs and compiles it. It may use and set variables of the
// store; those that it sets are donated. It returns the program's outputs, all replicated.
func (m *Mesh) Compile(name string, store *model.Store, inputs []Input,
	build func(scope *model.Scope, inputs []*graph.Node) []*graph.Node,
) (*Program, error) {
	if err := m.checkInputs(name, inputs); err != nil {
		return nil, err
	}
	p := &Program{mesh: m, name: name, inputs: inputs}
	err := exceptions.TryCatch[error](func() {
		p.exec = model.MustNewExec(m.backend, store,
			func(scope *model.Scope, args []*graph.Node) []*graph.Node {
				outputs := build(scope, args)
				m.donate(store, outputs[0].Graph())
				return outputs
			}).WithName(name)
		if m.devices == 1 {
			return
		}
		specs := make([]*distributed.ShardingSpec, len(inputs))
		for i, in := range inputs {
			specs[i] = m.spec(in)
		}
		p.exec.AutoSharding(m.mesh).WithInputShardingSpecs(specs...).WithOutputShardingSpecs(m.replicated)
		if m.assignment != nil {
			p.exec.WithDeviceAssignment(m.assignment)
		}
		if err := p.exec.SetDefaultShardingSpec(m.replicated); err != nil {
			panic(err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("mesh: %s: %w", name, err)
	}
	var all []shapes.Shape
	for range m.devices {
		for _, in := range inputs {
			all = append(all, m.shard(in))
		}
	}
	err = exceptions.TryCatch[error](func() {
		if _, err := p.exec.Compile(all...); err != nil {
			panic(err)
		}
	})
	if err != nil {
		p.exec.Finalize()
		return nil, fmt.Errorf("mesh: compiling %s: %w", name, err)
	}
	return p, nil
}

// Run executes the program over global tensors, in the inputs' order, and waits for it. It takes the
// arguments over and frees them; the outputs, one tensor each, are the caller's. Of the rows of split inputs only those of
// the [Mesh.Local] places are read.
func (p *Program) Run(args ...*tensors.Tensor) ([]*tensors.Tensor, error) {
	if len(args) != len(p.inputs) {
		return nil, fmt.Errorf("mesh: %s: %d arguments, want %d", p.name, len(args), len(p.inputs))
	}
	var err error
	values := make([]any, len(args))
	for i, t := range args {
		if !t.Shape().Equal(p.inputs[i].Shape) {
			return nil, fmt.Errorf("mesh: %s: argument %d is %s, want %s", p.name, i, t.Shape(), p.inputs[i].Shape)
		}
		values[i] = t
		if p.mesh.devices > 1 {
			if values[i], err = dtensor.ShardTensor(p.mesh.spec(p.inputs[i]), t); err != nil {
				return nil, fmt.Errorf("mesh: %s: splitting argument %d: %w", p.name, i, err)
			}
		}
	}
	outputs, err := p.call(values)
	for i, v := range values {
		args[i].FinalizeAll()
		if d, ok := v.(*dtensor.Tensor); ok {
			d.FinalizeAll()
		}
	}
	return outputs, err
}

// call executes the program and returns the outputs of the first device of this process, which are those of all.
func (p *Program) call(values []any) (outputs []*tensors.Tensor, err error) {
	err = exceptions.TryCatch[error](func() {
		var err error
		if outputs, err = p.exec.Call(values...); err != nil {
			panic(err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("mesh: running %s: %w", p.name, err)
	}
	perDevice := len(outputs) / p.mesh.devices
	from := p.mesh.first * perDevice
	for i, t := range outputs {
		if i < from || i >= from+perDevice {
			t.FinalizeAll()
		}
	}
	return outputs[from : from+perDevice], nil
}

// Close frees the compiled program. The variables stay the store's.
func (p *Program) Close() { p.exec.Finalize() }

func (m *Mesh) checkInputs(name string, inputs []Input) error {
	for i, in := range inputs {
		if in.Replicated {
			continue
		}
		if in.Shape.Rank() == 0 || in.Shape.Dimensions[0]%m.devices != 0 {
			return fmt.Errorf("mesh: %s: input %d of shape %s cannot be split over %d devices, "+
				"want a first axis that is a multiple", name, i, in.Shape, m.devices)
		}
	}
	return nil
}

func (m *Mesh) spec(in Input) *distributed.ShardingSpec {
	if in.Replicated {
		return m.replicated
	}
	return m.split
}

// shard is the shape of one device's part of the input.
func (m *Mesh) shard(in Input) shapes.Shape {
	s := in.Shape.Clone()
	if !in.Replicated {
		s.Dimensions[0] /= m.devices
	}
	return s
}

// donate pairs the parameter of each variable that the graph sets with its output: GoMLX returns the set
// variables first, in the store's order.
func (m *Mesh) donate(store *model.Store, g *graph.Graph) {
	donor, ok := m.backend.(Donor)
	if !ok {
		return
	}
	aliases := map[int]int{}
	for v := range store.IterVariables() {
		if v.ChangedInGraph(g) {
			aliases[int(g.GetParameterByName(v.Path()).GetParameterHandle())] = len(aliases)
		}
	}
	donor.Donate(aliases)
}
