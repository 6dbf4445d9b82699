package augment

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Inside this package's graph code, images are float32 [N, height, 3, width] on the [0, 1] scale: with the channels
// between the two, each resampling is one matrix product without a transposition, and the colour operations run
// over contiguous rows of a channel.
const (
	axisHeight  = 1
	axisChannel = 2
	axisWidth   = 3
)

// Apply makes one view per image: the graph code of a configuration.
//
// The images are uint8 [N, S, S, C], C 1 or 3; the parameters float32 [N, c.NumParams()], rows of Draw (or View.Put).
// It returns float32 [N, size, size, 3], normalised, or with Channels 1 [N, size, size, 1]. Call it once per view, with other parameters. It panics when a
// shape differs or the configuration is not valid.
func (c Config) Apply(images, params *Node, size int) *Node {
	return c.apply(images, params, size, inPlanes(images.Graph()))
}

// apply is Apply, with the channels apart or not: see planes.
func (c Config) apply(images, params *Node, size int, apart bool) *Node {
	x := canvas(c, images, size)
	n := images.Shape().Dimensions[0]
	if err := params.Shape().Check(dtypes.Float32, n, c.NumParams()); err != nil {
		panic(fmt.Errorf("augment: parameters: got %s, want float32 [%d, %d] (Config.NumParams): %w",
			params.Shape(), n, c.NumParams(), err))
	}
	x = crop(x, params, size, c.Flip > 0, apart)
	x = toChannels(x, c.depth())
	apart = apart && c.depth() == 3
	for i := 0; i < len(c.Ops); i++ {
		if apart && c.Ops[i] != OpBlur {
			x, i = c.pointwise(x, params, i)
			i--
			continue
		}
		switch c.Ops[i] {
		case OpJitter:
			x = jitter(c.Jitter, x, params)
		case OpGray:
			x = gray(c, x, params)
		case OpMix:
			x = mix(c.Mix, x, params)
		case OpBlur:
			x = blur(c.Blur, x, params)
		}
	}
	return normalise(c, x)
}

// Plain prepares images for evaluation, with the same canvas as Apply and no randomness: uint8 [N, S, S, C] to
// normalised float32 [N, size, size, 3 or 1], resized (antialiased bilinear) when the canvas is not size pixels wide. It
// panics as Apply does.
func Plain(c Config, images *Node, size int) *Node {
	x := canvas(c, images, size)
	if x.Shape().Dimensions[1] == size {
		x = MulScalar(toPlanes(x), 1.0/255)
	} else {
		x = resize(x, size)
	}
	return normalise(c, toChannels(x, c.depth()))
}

// canvas checks the images and pads MNIST's 28 pixels to 32 where 32 are asked for.
func canvas(c Config, images *Node, size int) *Node {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	if size < 1 {
		panic(fmt.Errorf("augment: size %d, want at least 1 pixel", size))
	}
	shape := images.Shape()
	if shape.DType != dtypes.Uint8 || shape.Rank() != 4 || shape.Dimensions[1] != shape.Dimensions[2] ||
		shape.Dimensions[3] != 1 && shape.Dimensions[3] != 3 {
		panic(fmt.Errorf("augment: images: got %s, want uint8 [N, S, S, 1 or 3]", shape))
	}
	if shape.Dimensions[1] != 28 || size != 32 {
		return images
	}
	margin := compute.PadAxis{Start: 2, End: 2}
	return Pad(images, ScalarZero(images.Graph(), dtypes.Uint8), compute.PadAxis{}, margin, margin, compute.PadAxis{})
}

// toPlanes turns uint8 [N, S, S, C] into float32 [N, S, C, S], still on the scale of 0 to 255.
func toPlanes(images *Node) *Node {
	return ConvertDType(TransposeAllAxes(images, 0, 1, 3, 2), dtypes.Float32)
}

// toChannels repeats one channel, or makes the luma of three.
func toChannels(x *Node, n int) *Node {
	dims := x.Shape().Clone().Dimensions
	switch {
	case dims[axisChannel] == n:
		return x
	case n == 1:
		return weigh(x, lumaWeights)
	}
	dims[axisChannel] = n
	return BroadcastToDims(x, dims...)
}

func normalise(c Config, x *Node) *Node {
	scale, offset := make([]float32, c.depth()), make([]float32, c.depth())
	for i := range scale {
		scale[i] = float32(1 / c.Std[i])
		offset[i] = float32(-c.Mean[i] / c.Std[i])
	}
	g := x.Graph()
	x = TransposeAllAxes(x, 0, axisHeight, axisWidth, axisChannel)
	x = Mul(x, Reshape(Const(g, scale), 1, 1, 1, len(scale)))
	return Add(x, Reshape(Const(g, offset), 1, 1, 1, len(offset)))
}

// column is one parameter of every image, [N, 1, 1, 1].
func column(params *Node, col int) *Node {
	return Reshape(Slice(params, AxisRange(), AxisElem(col)), -1, 1, 1, 1)
}
