package resnet

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// What is written for GPUs computes the same: kernels that lie as [out, height, width, in], with their gradients, and
// running statistics that are updated together.
func TestEncoderForGPUs(t *testing.T) {
	c := Config{Arch: "resnet10", Width: 2, Stem: StemSmall, Head: HeadLinear, Dim: 4, Precision: Float32, Remat: RematNone}
	forward := func(gpu bool) (out []*tensors.Tensor, store *model.Store) {
		store = model.NewStore()
		formulaWeights(store.RootScope(), c)
		kernel := store.GetVariable("layer2.0.conv1.weight")
		if gpu {
			store.RootScope().SetParam(outputFirst, true)
			for v := range store.IterVariables() {
				values, dims := ToOutputFirst(tensors.MustCopyFlatData[float32](v.MustValue()), v.Shape().Dimensions)
				if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, dims...)); err != nil {
					t.Fatal(err)
				}
			}
		}
		exec, err := model.NewExec(engines.Go(t), store, func(scope *model.Scope, x *Node) []*Node {
			e := newEncoder(scope, c, Norm{Train: true, Groups: 2}, x)
			e.lowering.fewLoops = gpu
			y := e.forward(x).Projection
			return []*Node{y, Gradient(ReduceAllSum(Mul(y, IotaFull(y.Graph(), y.Shape()))), kernel.NodeValue(y.Graph()))[0]}
		})
		if err != nil {
			t.Fatal(err)
		}
		if out, err = exec.Call(formulaImages(4, 8)); err != nil {
			t.Fatal(err)
		}
		return out, store
	}
	want, wantStore := forward(false)
	got, gotStore := forward(true)
	compare := func(what string, got, want []float32) {
		t.Helper()
		if d := parity.Compare(got, want); !(d.RelL2 <= parity.GradientElsewhere) {
			t.Errorf("%s: %v", what, d)
		}
	}
	compare("projections", values(got[0]), values(want[0]))
	gradient, _ := FromOutputFirst(values(got[1]), got[1].Shape().Dimensions)
	compare("gradient of a kernel", gradient, values(want[1]))
	for _, p := range c.Params() {
		if p.Buffer {
			compare(p.Name, values(gotStore.GetVariable(p.Name).MustValue()), values(wantStore.GetVariable(p.Name).MustValue()))
		}
	}
}
