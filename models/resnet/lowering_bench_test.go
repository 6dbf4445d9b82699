package resnet

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// BenchmarkConvolve times convolutions of the Go engine, and their gradients, both ways that a lowering may choose.
func BenchmarkConvolve(b *testing.B) {
	ways := map[bool]string{false: "native", true: "matmul"}
	for _, s := range []struct{ side, in, kernel, out, stride int }{
		{32, 16, 3, 16, 1}, {16, 64, 3, 64, 1}, {8, 128, 3, 128, 2}, {16, 64, 1, 128, 1},
	} {
		for _, gradient := range []bool{false, true} {
			for byMatmul, way := range ways {
				b.Run(fmt.Sprintf("side=%d/in=%d/kernel=%d/stride=%d/gradient=%v/%s", s.side, s.in, s.kernel, s.stride, gradient, way), func(b *testing.B) {
					e := encoder{lowering: lowering{windowsByMatmul: byMatmul}}
					exec, err := NewExec(engines.Go(b), func(x, kernel *Node) []*Node {
						sum := ReduceAllSum(Square(e.convolve(x, kernel, s.stride)))
						if gradient {
							return Gradient(sum, x, kernel)
						}
						return []*Node{sum}
					})
					if err != nil {
						b.Fatal(err)
					}
					x := tensors.FromShape(shapes.Make(dtypes.Float32, 64, s.side, s.side, s.in))
					kernel := tensors.FromShape(shapes.Make(dtypes.Float32, s.kernel, s.kernel, s.in, s.out))
					for b.Loop() {
						out, err := exec.Call(x, kernel)
						if err != nil {
							b.Fatal(err)
						}
						for _, o := range out {
							o.MustFinalizeAll()
						}
					}
				})
			}
		}
	}
}
