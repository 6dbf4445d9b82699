package moco

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// torch.optim.SGD on w^2 from w = 1, lr 0.03, momentum 0.9, weight decay 1e-4.
func TestSGD(t *testing.T) {
	store := model.NewStore()
	root := store.RootScope()
	w, buffer := root.VariableWithValue("w", float32(1)), root.VariableWithValue("buffer", float32(0))
	exec, err := model.NewExec(engines.Go(t), store, func(_ *model.Scope, lr *Node) *Node {
		x := w.NodeValue(lr.Graph())
		gradients := Gradient(Square(x), x)
		return descend(lr.Graph(), []*model.Variable{w}, []*model.Variable{buffer}, gradients, lr, 0.9, 1e-4)
	})
	if err != nil {
		t.Fatal(err)
	}
	before := 1.0
	for step, want := range []float64{.939997, .82959166, .6804488656, .5053913774, .3175146392} {
		outputs, err := exec.Call(float32(0.03))
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(floats(w.MustValue())[0]); math.Abs(got-want) > 1e-6 {
			t.Errorf("step %d: w is %.9g, want %.9g", step, got, want)
		}
		if norm := float64(floats(outputs[0])[0]); math.Abs(norm-2*before) > 1e-5 {
			t.Errorf("step %d: gradient norm %v, want %v, without weight decay", step, norm, 2*before)
		}
		before = want
	}
}

// k = m*k + (1-m)*q from k = 0 towards q = 1 with m = 0.99 is 1 - 0.99^n.
func TestMomentumUpdate(t *testing.T) {
	store := model.NewStore()
	root := store.RootScope()
	q, k := root.VariableWithValue("q", float32(1)), root.VariableWithValue("k", float32(0))
	exec, err := model.NewExec(engines.Go(t), store, func(_ *model.Scope, x *Node) *Node {
		updateKey(x.Graph(), []*model.Variable{q}, []*model.Variable{k}, 0.99)
		return x
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]float64{1: .01, 10: .095617925, 100: .633967659}
	for step := 1; step <= 100; step++ {
		if _, err := exec.Call(float32(0)); err != nil {
			t.Fatal(err)
		}
		if w, ok := want[step]; ok {
			if got := float64(floats(k.MustValue())[0]); math.Abs(got-w) > 1e-6 {
				t.Errorf("after %d updates k is %.9g, want %.9g", step, got, w)
			}
		}
	}
	if got := floats(q.MustValue())[0]; got != 1 {
		t.Errorf("q is %v after the updates, want 1", got)
	}
}
