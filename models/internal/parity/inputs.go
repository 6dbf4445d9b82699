package parity

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// StepInputs are the inputs of the step-th step of a recorded run, as the step declares them: n images of size pixels a
// side, both views of them, the second in order, and the learning rate; for a symmetric loss the views exchanged as well.
func StepInputs(n, size int, order []int, symmetric bool, step string, lr float32) []*tensors.Tensor {
	views := func(v string, order []int) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(affineParams("view"+v+"."+step, n, order), n, 2)
	}
	inputs := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(Pixels("images"+step, n, size), n, size, size, 3),
		views("1", nil), views("2", order), tensors.FromValue(lr),
	}
	if symmetric {
		inputs = append(inputs, views("2", nil), views("1", order))
	}
	return inputs
}

// Views are view 1 of the first step's images, as the encoder of a recorded run sees them: float32 [n,size,size,3].
func Views(n, size int) *tensors.Tensor {
	pixels, params := Pixels("images0", n, size), affineParams("view1.0", n, nil)
	values := make([]float32, len(pixels))
	for i, p := range pixels {
		image := i / (len(pixels) / n)
		values[i] = float32(p)/255*params[2*image] + params[2*image+1]
	}
	return tensors.FromFlatDataAndDimensions(values, n, size, size, 3)
}

// Layout brings the values of an encoder's variable from torch's layout into ours, of dimensions dims: package resnet has
// both functions.
type Layout struct {
	TorchDims func(dims []int) []int
	FromTorch func(values []float32, dims []int) []float32
}

// SetWeights gives the variables of an encoder in a scope of the store the formula's values for an encoder of that name.
func SetWeights(store *model.Store, scope, name string, l Layout) error {
	prefix := strings.TrimSuffix("/"+scope, "/") + "/"
	for v := range store.IterVariables() {
		base, found := strings.CutPrefix(v.Path(), prefix)
		if !found || strings.Contains(base, "/") || v.DType() != dtypes.Float32 {
			continue
		}
		dims := v.Shape().Dimensions
		values := l.FromTorch(Weights(name, base, l.TorchDims(dims)), dims)
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, dims...)); err != nil {
			return fmt.Errorf("parity: setting %s: %w", v.Path(), err)
		}
	}
	return nil
}

// Waves is image number n of the recorded views: uint8 [side, side, channels], harsh, with every value and many grey and
// saturated pixels.
func Waves(n, side, channels int) []uint8 {
	out := make([]uint8, 0, side*side*channels)
	for y := range side {
		for x := range side {
			for c := range channels {
				v := 7*y*y + 13*x*(c+1) + 31*n + x*y*(c+2)
				if (x+y+n)%11 == 0 {
					v = 17*y + 5*x
				}
				if (x+2*y+n)%13 == 0 {
					v = 255 * ((x + c) % 2)
				}
				out = append(out, uint8(v%256))
			}
		}
	}
	return out
}
