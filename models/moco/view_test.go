package moco

import (
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// affine is how the tests make views.
type affine = parity.Affine

// stepArgs are the arguments of the step-th step of a formula's run, as Inputs declares them.
func stepArgs(c Step, step string, lr float32) []*tensors.Tensor {
	n, order := c.Batch, c.ShuffleOrder()
	views := func(v string, order []int) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(parity.AffineParams("view"+v+"."+step, n, order), n, 2)
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
