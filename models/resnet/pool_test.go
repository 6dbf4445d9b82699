package resnet

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// Pooling by shifted maxima is the engine's own one.
func TestMaxPool(t *testing.T) {
	for _, size := range []int{1, 4, 5, 8} {
		x := make([]float32, 2*size*size*3)
		for i := range x {
			x[i] = float32(max(0, parity.Uniform("pool", i)))
		}
		got, err := CallOnceN(engines.Go(t), func(x *Node) (*Node, *Node) {
			return maxPoolByTaps(x), MaxPool(x).Window(3).Strides(2).PaddingPerDim([][2]int{{1, 1}, {1, 1}}).Done()
		}, tensors.FromFlatDataAndDimensions(x, 2, size, size, 3))
		if err != nil {
			t.Fatal(err)
		}
		if !got[0].Shape().Equal(got[1].Shape()) || !slices.Equal(values(got[0]), values(got[1])) {
			t.Errorf("size %d: %s, want %s", size, got[0], got[1])
		}
	}
}

// The other ways to pool are the engine's own one, and so is their gradient of what is above zero: where elements are equal,
// the first takes it. That of zeros the ReLU before it does not let through.
func TestMaxPoolGradient(t *testing.T) {
	for _, size := range []int{1, 2, 4, 5, 7, 8} {
		x := make([]float32, 2*size*size*3)
		for i := range x {
			x[i] = float32(max(0, math.Round(3*parity.Uniform("pool", i)))) // many are equal
		}
		withGradient := func(x, y *Node) []*Node {
			weight := AddScalar(IotaFull(x.Graph(), y.Shape()), 1)
			gradient := Gradient(ReduceAllSum(Mul(y, weight)), x)[0]
			return []*Node{y, Where(GreaterThan(x, ZerosLike(x)), gradient, ZerosLike(x))}
		}
		got, err := CallOnceN(engines.Go(t), func(x *Node) (all []*Node) {
			plain := MaxPool(x).Window(3).Strides(2).PaddingPerDim([][2]int{{1, 1}, {1, 1}}).Done()
			for _, y := range []*Node{plain, maxPoolByChoice(x), maxPoolSpread(x)} {
				all = append(all, withGradient(x, y)...)
			}
			return all
		}, tensors.FromFlatDataAndDimensions(x, 2, size, size, 3))
		if err != nil {
			t.Fatal(err)
		}
		for i, what := range []string{"by choice", "its gradient", "spread", "its gradient"} {
			if want := got[i%2]; !slices.Equal(values(got[2+i]), values(want)) {
				t.Errorf("size %d, %s: %s, want %s", size, what, got[2+i], want)
			}
		}
	}
}
