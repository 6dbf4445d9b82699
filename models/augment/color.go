package augment

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// plane is one channel of [N, H, 3, W]: [N, H, 1, W].
func plane(x *Node, channel int) *Node {
	return SliceAxis(x, axisChannel, AxisElem(channel))
}

// luma is torchvision's rgb_to_grayscale: [N, H, 3, W] to [N, H, 1, W]. That of one channel is the channel.
func luma(x *Node) *Node {
	if x.Shape().Dimensions[axisChannel] == 1 {
		return x
	}
	return weigh(x, [3]float64{0.2989, 0.587, 0.114})
}

// weigh is the weighted sum of the channels: [N, H, 3, W] to [N, H, 1, W].
func weigh(x *Node, weights [3]float64) *Node {
	sum := MulScalar(plane(x, 0), weights[0])
	sum = Add(sum, MulScalar(plane(x, 1), weights[1]))
	return Add(sum, MulScalar(plane(x, 2), weights[2]))
}

func clamp(x *Node) *Node {
	return ClipScalar(x, 0, 1)
}

// gray replaces the channels by the luma where the image's flag is 1.
func gray(c Config, x, params *Node) *Node {
	if c.Gray == 0 {
		return x
	}
	flag := column(params, colGray)
	return Add(Mul(x, OneMinus(flag)), Mul(luma(x), flag))
}

// mix multiplies each pixel's channels with the image's matrix and clamps.
func mix(m Mix, x, params *Node) *Node {
	if m.P == 0 {
		return x
	}
	matrix := Reshape(Slice(params, AxisRange(), AxisRange(colMix, colMix+9)), -1, 1, 3, 3)
	var sum *Node
	for in := range 3 {
		term := Mul(plane(x, in), Slice(matrix, AxisRange(), AxisRange(), AxisRange(), AxisElem(in)))
		if sum == nil {
			sum = term
		} else {
			sum = Add(sum, term)
		}
	}
	return clamp(sum)
}

// adjustment is one of brightness, contrast and saturation: a blend of the image with black, with its mean luma, or
// with its luma, of factor f and 1-f.
type adjustment struct {
	factor *Node // [N, 1, 1, 1]
	place  *Node // [N, 1, 1, 1], its place among the four operations
	slot   *Node // [N, 1, 1, 1], the round that applies it
	col    int
}

// jitter is torchvision's ColorJitter: the four operations in each image's own order, clamping after each.
//
// Every image needs another order, and the hue costs more than the other three together. So the hue is computed
// once, for all images, with rounds of blends before and after it: n blends need n rounds on each side, and an image
// uses n of the 2n, as its order has it; the others blend with factor 1, which changes nothing.
func jitter(j Jitter, x, params *Node) *Node {
	if j.P == 0 {
		return x
	}
	blends := adjustments(j, params)
	if j.Hue > 0 {
		behindHue(blends, params)
	}
	for round := range blends {
		x = blend(x, blends, round)
	}
	if j.Hue == 0 {
		return x
	}
	x = shiftHue(x, column(params, colHue))
	for round := range blends {
		x = blend(x, blends, len(blends)+round)
	}
	return x
}

// behindHue moves those blends that an image has behind the hue to the rounds behind it.
func behindHue(blends []*adjustment, params *Node) {
	huePlace := column(params, colOrder+3)
	for _, a := range blends {
		after := ConvertDType(GreaterThan(a.place, huePlace), dtypes.Float32)
		a.slot = Add(a.slot, MulScalar(after, float64(len(blends))))
	}
}

// adjustments are the blends that the configuration uses, with their ranks among themselves as slots.
func adjustments(j Jitter, params *Node) []*adjustment {
	var blends []*adjustment
	for i, strength := range []float64{j.Brightness, j.Contrast, j.Saturation} {
		if strength == 0 {
			continue
		}
		a := &adjustment{col: colBrightness + i, factor: column(params, colBrightness+i), place: column(params, colOrder+i)}
		a.slot = ZerosLike(a.place)
		blends = append(blends, a)
	}
	for _, a := range blends {
		for _, other := range blends {
			if other != a {
				a.slot = Add(a.slot, ConvertDType(LessThan(other.place, a.place), dtypes.Float32))
			}
		}
	}
	return blends
}

// blend is one round: clamp(f x + (1-f) base), where each image's f and base are those of the adjustment whose slot
// this round is.
func blend(x *Node, blends []*adjustment, round int) *Node {
	zero := ZerosLike(blends[0].slot)
	factor, ofLuma, ofMean := OnesLike(zero), zero, zero
	needLuma := false
	for _, a := range blends {
		now := Equal(a.slot, AddScalar(zero, float64(round)))
		factor = Where(now, a.factor, factor)
		switch a.col {
		case colContrast:
			ofMean = Where(now, OneMinus(a.factor), zero)
			needLuma = true
		case colSaturation:
			ofLuma = Where(now, OneMinus(a.factor), zero)
			needLuma = true
		}
	}
	sum := Mul(x, factor)
	if needLuma {
		l := luma(x)
		mean := ReduceAndKeep(l, ReduceMean, axisHeight, axisChannel, axisWidth)
		sum = Add(sum, Add(Mul(l, ofLuma), Mul(mean, ofMean)))
	}
	return clamp(sum)
}
