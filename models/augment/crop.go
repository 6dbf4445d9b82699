package augment

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// crop cuts each image's box, flips it where asked, and resizes it: uint8 [N, S, S, C] to [N, size, C, size] on the
// [0, 1] scale. Interpolation is linear, so it is a product with one matrix per image and axis; the flip reverses
// the columns' matrix. The products read signed bytes if asked to, see signedPlanes.
func crop(images, params *Node, size int, flips, signed bool) *Node {
	flat := func(col int) *Node { return Reshape(column(params, col), -1, 1, 1) }
	var flip *Node
	if flips {
		flip = flat(colFlip)
	}
	from := images.Shape().Dimensions[1]
	rows := resampling(flat(colTop), flat(colHeight), nil, from, size) // [N, size, S]
	cols := resampling(flat(colLeft), flat(colWidth), flip, from, size)
	if signed {
		x := rowsTimes(MulScalar(rows, 1.0/255), timesCols(signedPlanes(images), cols))
		return AddScalar(x, 128.0/255)
	}
	return rowsTimes(MulScalar(rows, 1.0/255), timesCols(toPlanes(images), cols))
}

// resize resizes whole images: uint8 [N, S, S, C] to [N, size, C, size] on the [0, 1] scale.
func resize(images *Node, size int) *Node {
	g := images.Graph()
	zero := Zeros(g, shapes.Make(dtypes.Float32, 1, 1, 1))
	weights := resampling(zero, OnesLike(zero), nil, images.Shape().Dimensions[1], size)
	weights = Squeeze(weights, 0)                                                          // [size, S]
	x := Dot(toPlanes(images), weights).General([]int{axisWidth}, nil, []int{1}, nil)      // [N, S, C, size]
	x = Dot(x, MulScalar(weights, 1.0/255)).General([]int{axisHeight}, nil, []int{1}, nil) // [N, C, size, size]: width, height
	return TransposeAllAxes(x, 0, 3, 1, 2)
}

// resampling is the matrices [N, size, from] that take the box [start, start+length) of an axis of from pixels to
// size pixels; start and length are relative, [N, 1, 1]. Where flip (nil, or [N, 1, 1]) is 1 the result is reversed.
//
// The weights are those of Pillow and of torchvision with antialias=True: a triangle around each output pixel's
// centre, stretched by the scale when the box shrinks, cut off at the box and normalised.
func resampling(start, length, flip *Node, from, size int) *Node {
	g := start.Graph()
	// A box narrower than two pixels may miss every pixel's centre by a rounding error; no sensible crop is.
	narrowest := min(2, float64(from))
	length = ClipScalar(MulScalar(length, float64(from)), narrowest, float64(from))
	start = MulScalar(start, float64(from))
	start = Min(MaxScalar(start, 0), AddScalar(Neg(length), float64(from)))

	out := AddScalar(Iota(g, shapes.Make(dtypes.Float32, 1, size, 1), 1), 0.5)
	if flip != nil {
		out = Add(out, Mul(flip, AddScalar(MulScalar(out, -2), float64(size)))) // size - out where flip is 1
	}
	in := AddScalar(Iota(g, shapes.Make(dtypes.Float32, 1, 1, from), 2), 0.5)

	scale := DivScalar(length, float64(size))
	centre := Add(start, Mul(out, scale)) // [N, size, 1]
	weights := OneMinus(Mul(Abs(Sub(in, centre)), Reciprocal(MaxScalar(scale, 1))))
	weights = MaxScalar(weights, 0)
	inside := And(GreaterOrEqual(in, start), LessThan(in, Add(start, length))) // [N, 1, from]
	weights = Mul(weights, ConvertDType(inside, dtypes.Float32))
	return Div(weights, ReduceAndKeep(weights, ReduceSum, 2))
}

// timesCols multiplies along the width: [N, H, C, W] with matrices [N, size, W] to [N, H, C, size].
func timesCols(x, cols *Node) *Node {
	return Dot(x, cols).General([]int{axisWidth}, []int{0}, []int{2}, []int{0})
}

// rowsTimes multiplies along the height: matrices [N, size, H] with [N, H, C, W] to [N, size, C, W].
func rowsTimes(rows, x *Node) *Node {
	return Dot(rows, x).General([]int{2}, []int{0}, []int{axisHeight}, []int{0})
}
