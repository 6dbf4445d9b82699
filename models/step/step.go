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
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/moco"
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
	steps      int           // that were to be checked, or not
}

// New makes the state of a step as it begins, a pure function of the definition and the seed. The mesh stays the
// caller's. The error is a settings.Error for a definition that is not valid.
func New(m *mesh.Mesh, definition moco.Step, seed uint64) (*Step, error) {
	s := &Step{definition: definition, seed: seed, mesh: m, store: model.NewStore()}
	if err := moco.Init(s.store, definition, seed); err != nil {
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

// Store holds the state's variables, and Mesh is where they are.
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

// Reset sets the state back to its beginning.
func (s *Step) Reset() error {
	fresh := model.NewStore()
	if err := moco.Init(fresh, s.definition, s.seed); err != nil {
		return err
	}
	for v := range fresh.IterVariables() {
		value, err := v.Value()
		if err == nil {
			err = s.mesh.SetVariable(s.store.GetVariable(v.Path()), value)
		}
		if err != nil {
			return fmt.Errorf("step: initialising %s: %w", v.Path(), err)
		}
	}
	return nil
}

// DTypes are the types that variables of the state have, and what safetensors calls them.
var DTypes = map[dtypes.DType]string{dtypes.Float32: "F32", dtypes.Int32: "I32"}

// Restore sets every variable of the state. The tensors are named by their paths in the store without the leading
// slash, and must be just those of the state.
func (s *Step) Restore(all []safetensors.Tensor) error {
	if len(all) != s.store.NumVariables() {
		return fmt.Errorf("step: %d tensors, want the %d of this configuration", len(all), s.store.NumVariables())
	}
	for _, t := range all {
		v := s.store.GetVariable(t.Name)
		if v == nil {
			return fmt.Errorf("step: tensor %q is none of this configuration", t.Name)
		}
		if t.DType != DTypes[v.DType()] || !slices.Equal(t.Shape, v.Shape().Dimensions) {
			return fmt.Errorf("step: tensor %q is %s%v, want %s", t.Name, t.DType, t.Shape, v.Shape())
		}
		value := tensors.FromShape(shapes.Make(v.DType(), t.Shape...))
		err := value.MutableBytes(func(data []byte) { copy(data, t.Data) })
		if err == nil {
			err = s.mesh.SetVariable(v, value)
		}
		if err != nil {
			return fmt.Errorf("step: setting %s: %w", v.Path(), err)
		}
	}
	return nil
}

// Name is what a variable of the state is called in a checkpoint.
func Name(v *model.Variable) string { return strings.TrimPrefix(v.Path(), "/") }

// Close frees the compiled program, if there is one.
func (s *Step) Close() {
	if s.program != nil {
		s.program.Close()
	}
}
