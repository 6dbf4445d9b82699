// Package step compiles the training step. It is the one place that does: what trains, plans, times or tests a step
// runs the program that is made here.
//
//	s, err := step.New(m, definition, seed) // the state, as it begins
//	err = s.Restore(tensors)                // or as a checkpoint holds it
//	err = s.Compile(side, channels)         // once
//	slot, err := s.NewSlot()                // memory for the inputs, filled as s.Inputs() declares them
//	figures, err := s.Run(slot, lr)         // as often as wanted
//
// # Errors
//
// Everything returns errors. A failed Run has given the state's buffers away: Restore or Reset it before the next.
//
// # Determinism
//
// The state after a step is a pure function of the definition, the state before and the inputs: bit for bit on one
// engine and number of devices, and up to rounding on others.
package step

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// Step is a training step with its state, on a mesh. It is used from one goroutine.
type Step struct {
	definition moco.Step
	seed       uint64
	mesh       *mesh.Mesh
	store      *model.Store
	inputs     []moco.Input
	program    *mesh.Program // nil before Compile
	steps      int           // how often checkDue was called

	outputFirst bool // kernels are kept so on the devices: resnet.KeepKernels
}

// New makes the state of a step as it begins, a pure function of the definition and the seed. The mesh stays the
// caller's. The error is a settings.Error for a definition that is not valid.
func New(m *mesh.Mesh, definition moco.Step, seed uint64) (*Step, error) {
	s := &Step{definition: definition, seed: seed, mesh: m, store: model.NewStore()}
	if s.outputFirst = resnet.KeepKernels(s.store, m.Backend()); s.outputFirst {
		if err := s.initOutputFirst(); err != nil {
			return nil, err
		}
	} else if err := moco.Init(s.store, definition, seed); err != nil {
		return nil, err
	}
	return s, m.Place(s.store)
}

// Compiled makes a step in its first state on the first devices of a backend and compiles it, for those who restore
// nothing. The backend stays the caller's and is closed last.
func Compiled(b compute.Backend, devices int, definition moco.Step, seed uint64, side, channels int) (*Step, error) {
	m, err := mesh.New(b, devices)
	if err != nil {
		return nil, err
	}
	s, err := New(m, definition, seed)
	if err != nil {
		return nil, err
	}
	if err := s.Compile(side, channels); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Compile compiles the program for images of side pixels and so many channels. It is called once.
func (s *Step) Compile(side, channels int) error {
	s.inputs = s.definition.Inputs(side, channels)
	declared := make([]mesh.Input, len(s.inputs))
	for i, in := range s.inputs {
		declared[i] = in.Input
	}
	var err error
	s.program, err = s.mesh.Compile("step", s.store, declared, s.definition.Build)
	return err
}

// Definition is what the step was made of.
func (s *Step) Definition() moco.Step { return s.definition }

// Inputs are those of the compiled program, in order: entry i of what [mesh.Slot.Fill] gives to write is input i.
func (s *Step) Inputs() []moco.Input { return s.inputs }

// Store holds the state's variables as the devices keep them, for programs over them. What reads or writes a value uses
// [Step.Copy] and [Step.Set].
func (s *Step) Store() *model.Store { return s.store }

// Mesh is what the step runs on.
func (s *Step) Mesh() *mesh.Mesh { return s.mesh }

// NewSlot allocates memory for the inputs of one step, but for the learning rate. The caller closes it before the step.
func (s *Step) NewSlot() (*mesh.Slot, error) { return s.program.NewSlot() }

// Run does one step on the inputs in slot, waits for it, and returns its figures.
func (s *Step) Run(slot *mesh.Slot, lr float32) (moco.Figures, error) {
	return s.checked(func() (moco.Figures, error) {
		return read(s.program.RunSlot(slot, tensors.FromScalar(lr)))
	})
}

// RunTensors is Run on inputs in the host's memory, one global tensor for each of [Step.Inputs], which it takes over
// and frees.
func (s *Step) RunTensors(inputs ...*tensors.Tensor) (moco.Figures, error) {
	return s.checked(func() (moco.Figures, error) { return read(s.program.Run(inputs...)) })
}

// read copies the figures of a run to the host and frees their tensor.
func read(out []*tensors.Tensor, err error) (figures moco.Figures, _ error) {
	if err != nil {
		return figures, err
	}
	defer out[0].FinalizeAll()
	if err := tensors.ConstFlatData(out[0], func(flat []float32) { copy(figures[:], flat) }); err != nil {
		return figures, fmt.Errorf("step: reading the figures: %w", err)
	}
	return figures, nil
}

// Close frees the compiled program, if there is one.
func (s *Step) Close() {
	if s.program != nil {
		s.program.Close()
	}
}
