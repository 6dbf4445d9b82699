package moco

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// affine is the tests' Viewer.
type affine = parity.Affine

// stepArgs are the arguments of the step-th step of a formula's run, as Inputs declares them.
func stepArgs(c Step, step string, lr float32) []*tensors.Tensor {
	return parity.StepInputs(c.Batch, c.ImageSize, c.ShuffleOrder(), c.Symmetric, step, lr)
}

// formulaState is a state whose values are formulas, those of gen_torch.py.
func formulaState(t testing.TB, c Step, pointer int) *model.Store {
	t.Helper()
	store := model.NewStore()
	if err := Init(store, c, 1); err != nil {
		t.Fatal(err)
	}
	root := store.RootScope()
	for _, scope := range []string{QueryScope, KeyScope} {
		if err := parity.SetWeights(store, scope, scope, parity.Layout{TorchDims: resnet.TorchDims, FromTorch: resnet.FromTorch}); err != nil {
			t.Fatal(err)
		}
	}
	queue := parity.UnitRows("queue", c.Queue, c.Encoder.Dim)
	set(t, root, QueueName, tensors.FromFlatDataAndDimensions(queue, c.Queue, c.Encoder.Dim))
	set(t, root, PointerName, tensors.FromValue(int32(pointer)))
	return store
}

// declared are the inputs of a step for its mesh.
func declared(s Step) (in []mesh.Input) {
	for _, i := range s.Inputs(s.ImageSize, 3) {
		in = append(in, i.Input)
	}
	return in
}

// runSteps runs one step of the formula's inputs for each learning rate and returns the figures.
func runSteps(t testing.TB, b compute.Backend, store *model.Store, c Step, lrs []float32) [][]float32 {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := mesh.New(b, 1)
	if err != nil {
		t.Fatal(err)
	}
	program, err := m.Compile("step", store, declared(c), c.Build)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	var all [][]float32
	for i, lr := range lrs {
		outputs, err := program.Run(stepArgs(c, fmt.Sprint(i), lr)...)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tensors.MustCopyFlatData[float32](outputs[0]))
	}
	return all
}

func value(t testing.TB, scope *model.Scope, name string) *tensors.Tensor {
	t.Helper()
	v := scope.GetVariable(name)
	if v == nil {
		t.Fatalf("no variable %q in scope %q", name, scope.Scope())
	}
	tensor, err := v.Value()
	if err != nil {
		t.Fatal(err)
	}
	return tensor
}

func set(t testing.TB, scope *model.Scope, name string, value *tensors.Tensor) {
	t.Helper()
	v := scope.GetVariable(name)
	if v == nil {
		t.Fatalf("no variable %q in scope %q", name, scope.Scope())
	}
	if err := v.SetValue(value); err != nil {
		t.Fatal(err)
	}
}
