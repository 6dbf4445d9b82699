package augment

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// taps is the kernel's width for views of size pixels: odd, SimCLR's rounding.
func (b Blur) taps(size int) int {
	return int(b.Kernel*float64(size))/2*2 + 1
}

// Reach is how many pixels to each side the kernel sees in views of size pixels: where it is 0 the blur does nothing.
func (b Blur) Reach(size int) int { return b.taps(size) / 2 }

// blur is torchvision's gaussian_blur with each image's sigma: a product with one banded matrix per image, along
// both axes. Products beat shifted sums where matrix units are idle, and cost as little at small sizes.
func blur(b Blur, x, params *Node) *Node {
	size := x.Shape().Dimensions[axisHeight]
	if b.P == 0 || b.Reach(size) == 0 {
		return x
	}
	weights := gaussian(Reshape(column(params, colSigma), -1, 1, 1), b.Reach(size), size)
	return timesCols(rowsTimes(weights, x), weights)
}

// gaussian is the matrices [N, size, size] that blur an axis with the sigmas given ([N, 1, 1], in pixels, 0 for no
// blur) over reach pixels to each side, reflecting at the ends without repeating the end pixel.
func gaussian(sigma *Node, reach, size int) *Node {
	g := sigma.Graph()
	// At 0.01 the neighbours' weights are 0 in float32: the matrix is the identity.
	sigma = MaxScalar(sigma, 0.01)
	exponent := MulScalar(Reciprocal(Square(sigma)), -0.5)
	out := Iota(g, shapes.Make(dtypes.Float32, 1, size, 1), 1)
	in := Iota(g, shapes.Make(dtypes.Float32, 1, 1, size), 2)

	tap := func(distance *Node, real *Node) *Node { // distance and real: [1, size, size]
		weights := Exp(Mul(Square(distance), exponent))
		used := And(real, LessOrEqual(Abs(distance), Scalar(g, dtypes.Float32, float64(reach))))
		return Mul(weights, ConvertDType(used, dtypes.Float32))
	}
	last := float64(size - 1)
	always := GreaterOrEqual(in, ZerosLike(in))
	weights := tap(Sub(in, out), always)
	// Pixel m also stands at -m and at 2 last - m; the end pixels are not repeated.
	weights = Add(weights, tap(Add(in, out), GreaterThan(in, ZerosLike(in))))
	mirrored := Sub(AddScalar(Neg(in), 2*last), out)
	weights = Add(weights, tap(mirrored, LessThan(in, Scalar(g, dtypes.Float32, last))))
	return Div(weights, ReduceAndKeep(weights, ReduceSum, 2))
}
