package moco

import (
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// affine is the tests' Viewer: a view is uint8/255*scale + offset, with the two parameters scale and offset.
// Images have three channels and the size of the view.
type affine struct{}

func (affine) NumParams() int { return 2 }

func (affine) Validate() error { return nil }

func (affine) Apply(images, params *Node, size int) *Node {
	n := images.Shape().Dimensions[0]
	images.AssertDims(n, size, size, 3)
	column := func(i int) *Node { return Reshape(Slice(params, AxisRange(), AxisElem(i)), n, 1, 1, 1) }
	x := DivScalar(ConvertDType(images, dtypes.Float32), 255)
	return Add(Mul(x, column(0)), column(1))
}

// affineParams are n views' parameters by formula, row i being that of image order[i]; order nil is the
// batch's order.
func affineParams(name string, n int, order []int) []float32 {
	params := make([]float32, 0, 2*n)
	for i := range n {
		if order != nil {
			i = order[i]
		}
		scale, offset := parity.Uniform(name+".scale", i), parity.Uniform(name+".offset", i)
		params = append(params, float32(1+0.3*scale), float32(0.3*offset-0.5))
	}
	return params
}

// stepArgs are the arguments of the step-th step of a formula's run, as Inputs declares them.
func stepArgs(c Step, step string, lr float32) []*tensors.Tensor {
	n, order := c.Batch, c.ShuffleOrder()
	views := func(v string, order []int) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(affineParams("view"+v+"."+step, n, order), n, 2)
	}
	images := parity.Pixels("images"+step, n, c.ImageSize)
	args := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(images, n, c.ImageSize, c.ImageSize, 3),
		views("1", nil), views("2", order), tensors.FromValue(lr),
	}
	if c.Symmetric {
		args = append(args, views("2", nil), views("1", order))
	}
	return args
}
