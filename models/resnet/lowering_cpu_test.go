package resnet

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// What is written for XLA's CPU engine computes the same: projections, gradients of all parameters, and running statistics.
func TestEncoderForCPUs(t *testing.T) {
	c := Config{Arch: "resnet10", Width: 2, Stem: StemImageNet, Head: HeadLinear, Dim: 4, Precision: Float32, Remat: RematNone}
	forward := func(how lowering) (names []string, out []*tensors.Tensor) {
		store := model.NewStore()
		formulaWeights(store.RootScope(), c)
		exec, err := model.NewExec(engines.Go(t), store, func(scope *model.Scope, x *Node) (all []*Node) {
			e := newEncoder(scope, c, Norm{Train: true, Groups: 2}, x)
			e.lowering = how
			y := e.forward(x).Projection
			var learned []*Node
			names = []string{"projections"}
			for _, p := range c.Params() {
				v := scope.GetVariable(p.Name)
				if p.Buffer {
					continue
				}
				names, learned = append(names, p.Name), append(learned, v.NodeValue(y.Graph()))
			}
			all = append(all, y)
			return append(all, Gradient(ReduceAllSum(Mul(y, IotaFull(y.Graph(), y.Shape()))), learned...)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		if out, err = exec.Call(formulaImages(8, 64)); err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Params() {
			if p.Buffer {
				names, out = append(names, p.Name), append(out, store.GetVariable(p.Name).MustValue())
			}
		}
		return names, out
	}
	names, want := forward(lowering{})
	_, got := forward(lowering{plainLoops: true})
	for i, name := range names {
		if d := parity.Compare(values(got[i]), values(want[i])); !(d.RelL2 <= parity.GradientElsewhere) {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// The gradient of the ReLU passes where the result is above zero, as torch's does: not at zero, of whatever type.
func TestReLU(t *testing.T) {
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
		t.Run(fmt.Sprint(dtype), func(t *testing.T) {
			got, err := CallOnceN(engines.Go(t), func(x *Node) []*Node {
				e := &encoder{lowering: lowering{plainLoops: true}}
				y := e.relu(x, dtype)
				if y.DType() != dtype {
					t.Errorf("is %s", y.DType())
				}
				y = ConvertDType(y, dtypes.Float32)
				return []*Node{y, Gradient(ReduceAllSum(MulScalar(y, 3)), x)[0]}
			}, []float32{-2, -0.5, 0, 0.5, 2, 1.25e30})
			if err != nil {
				t.Fatal(err)
			}
			if want := []float32{0, 0, 0, 3, 3, 3}; !slices.Equal(values(got[1]), want) {
				t.Errorf("gradient %v, want %v", values(got[1]), want)
			}
			want := []float32{0, 0, 0, 0.5, 2, 1.25e30}
			if d := parity.Compare(values(got[0]), want); !(d.RelL2 <= 1.0/256) || values(got[0])[0] != 0 {
				t.Errorf("%v, want %v", values(got[0]), want)
			}
		})
	}
}
