package parity

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Affine is the recorded runs' way to make views, a moco.Views: a view is uint8/255*scale + offset, with the two parameters
// scale and offset. Images have three channels and the size of the view.
type Affine struct{}

// NumParams is 2: scale and offset.
func (Affine) NumParams() int { return 2 }

// Validate finds nothing wrong.
func (Affine) Validate() error { return nil }

// Apply makes the views: uint8 [N, size, size, 3] and float32 [N, 2] to float32 [N, size, size, 3].
func (Affine) Apply(images, params *Node, size int) *Node {
	n := images.Shape().Dimensions[0]
	images.AssertDims(n, size, size, 3)
	column := func(i int) *Node { return Reshape(Slice(params, AxisRange(), AxisElem(i)), n, 1, 1, 1) }
	x := DivScalar(ConvertDType(images, dtypes.Float32), 255)
	return Add(Mul(x, column(0)), column(1))
}

// affineParams are n views' parameters by formula, [n, 2], row i being that of image order[i]; order nil is the batch's
// order.
func affineParams(name string, n int, order []int) []float32 {
	params := make([]float32, 0, 2*n)
	for i := range n {
		if order != nil {
			i = order[i]
		}
		scale, offset := Uniform(name+".scale", i), Uniform(name+".offset", i)
		params = append(params, float32(1+0.3*scale), float32(0.3*offset-0.5))
	}
	return params
}
