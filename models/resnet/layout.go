package resnet

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
