package resnet

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// outputFirst marks a store that holds kernels as [out, height, width, in].
const outputFirst = "kernels_output_first"

// KeepKernels marks an empty store to hold the kernels of convolutions as the backend reads them, and reports whether that
// is [out, height, width, in] instead of our layout. [Forward] then takes them so; whoever fills the store or reads from it
// uses ToOutputFirst and FromOutputFirst.
func KeepKernels(store *model.Store, b compute.Backend) bool {
	first := loweringFor(b).kernelsOutputFirst
	if first {
		store.RootScope().SetParam(outputFirst, true)
	}
	return first
}

// ToOutputFirst reorders a variable's values from our layout, of dimensions dims, to [out, height, width, in] where it is a
// kernel. It returns values and dimensions.
func ToOutputFirst(values []float32, dims []int) ([]float32, []int) {
	if len(dims) != 4 {
		return values, dims
	}
	h, w, in, out := dims[0], dims[1], dims[2], dims[3]
	return transposed(values, h*w*in, out), []int{out, h, w, in}
}

// FromOutputFirst is the inverse of ToOutputFirst; dims are what that returns. Without values it returns dimensions alone.
func FromOutputFirst(values []float32, dims []int) ([]float32, []int) {
	if len(dims) != 4 {
		return values, dims
	}
	out, h, w, in := dims[0], dims[1], dims[2], dims[3]
	return transposed(values, out, h*w*in), []int{h, w, in, out}
}

// transposed turns [rows,cols] into [cols,rows].
func transposed(values []float32, rows, cols int) []float32 {
	if values == nil {
		return nil
	}
	moved := make([]float32, len(values))
	for r := range rows {
		for c := range cols {
			moved[c*rows+r] = values[r*cols+c]
		}
	}
	return moved
}

// ToTorch reorders a variable's values from our layout to torch's: convolution kernels from
// [height, width, in, out] to [out, in, height, width]; all else is the same. It returns values and dimensions.
func ToTorch(values []float32, dims []int) ([]float32, []int) {
	if len(dims) != 4 {
		return values, dims
	}
	h, w, in, out := dims[0], dims[1], dims[2], dims[3]
	return permuted(values, h*w, in, out), []int{out, in, h, w}
}

// permuted turns [taps,in,out] into [out,in,taps].
func permuted(values []float32, taps, in, out int) []float32 {
	moved := make([]float32, len(values))
	for t := range taps {
		for i := range in {
			for o := range out {
				moved[(o*in+i)*taps+t] = values[(t*in+i)*out+o]
			}
		}
	}
	return moved
}

// FromTorch is the inverse of ToTorch for a variable of our dimensions dims.
func FromTorch(values []float32, dims []int) []float32 {
	if len(dims) != 4 {
		return values
	}
	return permuted(values, dims[3], dims[2], dims[0]*dims[1])
}

// TorchDims are torch's dimensions of a variable whose dimensions are dims in our layout.
func TorchDims(dims []int) []int {
	if len(dims) != 4 {
		return dims
	}
	return []int{dims[3], dims[2], dims[0], dims[1]}
}
