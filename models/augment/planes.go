package augment

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/mocotpu/mocotpu/xla/mesh"
)

// The colour operations once more, with the channels as three arrays. Where a backend starts every loop by itself, what
// counts is how often the images are read: with the channels apart nothing looks to another place of an array, so a chain of
// operations is one loop. The one thing that is not of a pixel alone is the mean that contrast blends with. Each image has
// one contrast, so it is computed ahead, by a first pass through what its order has before it. The numbers are those of
// the other form.

// planes are the channels of images, each [N, H, 1, W].
type planes [3]*Node

// inPlanes tells whether the backend starts every loop by itself.
func inPlanes(g *Graph) bool {
	return mesh.Says(g.Backend(), func(e interface{ StartsLoops() bool }) bool { return e.StartsLoops() })
}

// pointwise applies operations of one pixel each to x [N, H, 3, W]: those of c.Ops from number first on, up to the blur or
// the end. It returns the number of the operation behind them.
func (c Config) pointwise(x, params *Node, first int) (*Node, int) {
	p := planes{plane(x, 0), plane(x, 1), plane(x, 2)}
	for ; first < len(c.Ops) && c.Ops[first] != OpBlur; first++ {
		switch c.Ops[first] {
		case OpJitter:
			p = p.jitter(c.Jitter, params)
		case OpGray:
			p = p.gray(c, params)
		case OpMix:
			p = p.mix(c.Mix, params)
		}
	}
	return Concatenate(p[:], axisChannel), first
}

// signedPlanes is toPlanes less 128, which fits a signed byte: XLA's products on a GPU read those as they are, and unsigned
// ones only once they are float32 in memory. Resampling takes 128 to 128.
func signedPlanes(images *Node) *Node {
	x := AddScalar(ConvertDType(TransposeAllAxes(images, 0, 1, 3, 2), dtypes.Int16), -128)
	return ConvertDType(ConvertDType(x, dtypes.Int8), dtypes.Float32)
}

func (p planes) each(f func(channel int, x *Node) *Node) planes {
	for i, x := range p {
		p[i] = f(i, x)
	}
	return p
}

// luma is that of the image: [N, H, 1, W].
func (p planes) luma() *Node {
	sum := Add(MulScalar(p[0], 0.2989), MulScalar(p[1], 0.587))
	return Add(sum, MulScalar(p[2], 0.114))
}

func (p planes) gray(c Config, params *Node) planes {
	if c.Gray == 0 {
		return p
	}
	flag, luma := column(params, colGray), p.luma()
	return p.each(func(_ int, x *Node) *Node { return Add(Mul(x, OneMinus(flag)), Mul(luma, flag)) })
}

func (p planes) mix(m Mix, params *Node) planes {
	if m.P == 0 {
		return p
	}
	return p.each(func(out int, _ *Node) *Node {
		weight := func(in int) *Node { return column(params, colMix+3*out+in) }
		sum := Add(Mul(p[0], weight(0)), Mul(p[1], weight(1)))
		return clamp(Add(sum, Mul(p[2], weight(2))))
	})
}

func (p planes) jitter(j Jitter, params *Node) planes {
	if j.P == 0 {
		return p
	}
	blends := adjustments(j, params)
	rounds := len(blends)
	var hue *Node
	if j.Hue > 0 {
		hue = column(params, colHue)
		if rounds == 0 { // no rounds for it to lie between
			return p.shiftHue(hue)
		}
		behindHue(blends, params)
		rounds *= 2
	}
	var mean *Node
	for _, contrast := range blends {
		if contrast.col == colContrast {
			mean = ReduceAndKeep(p.ordered(blends, rounds, hue, nil, contrast).luma(), ReduceMean, axisHeight, axisChannel, axisWidth)
		}
	}
	return p.ordered(blends, rounds, hue, mean, nil)
}

// ordered applies the blends, and the hue between its rounds, in each image's order: all of them with the mean that
// contrast blends with, or those before the adjustment until.
func (p planes) ordered(blends []*adjustment, rounds int, hue, mean *Node, until *adjustment) planes {
	for round := range rounds {
		if hue != nil && round == rounds/2 {
			turned := p.shiftHue(hue)
			if until != nil {
				before := LessThan(until.slot, Scalar(hue.Graph(), dtypes.Float32, float64(round)))
				turned = turned.each(func(i int, x *Node) *Node {
					return Where(BroadcastToDims(before, x.Shape().Dimensions...), p[i], x)
				})
			}
			p = turned
		}
		p = p.blend(blends, round, mean, until)
	}
	return p
}

// blend is one round, see blend of images.
func (p planes) blend(blends []*adjustment, round int, mean *Node, until *adjustment) planes {
	zero := ZerosLike(blends[0].slot)
	factor, ofLuma, ofMean := OnesLike(zero), zero, zero
	needLuma := false
	for _, a := range blends {
		now := Equal(a.slot, AddScalar(zero, float64(round)))
		if until != nil {
			now = And(now, LessThan(a.slot, until.slot))
		}
		factor = Where(now, a.factor, factor)
		switch a.col {
		case colContrast:
			ofMean = Where(now, OneMinus(a.factor), zero)
		case colSaturation:
			ofLuma = Where(now, OneMinus(a.factor), zero)
			needLuma = true
		}
	}
	var base *Node
	if needLuma {
		base = Mul(p.luma(), ofLuma)
	}
	if mean != nil {
		if ofMean = Mul(mean, ofMean); base != nil {
			ofMean = Add(base, ofMean)
		}
		base = ofMean
	}
	return p.each(func(_ int, x *Node) *Node {
		x = Mul(x, factor)
		if base != nil {
			x = Add(x, base)
		}
		return clamp(x)
	})
}

// shiftHue turns the colour wheel, see shiftHue of images.
func (p planes) shiftHue(shift *Node) planes {
	value, spread, hue := wheel(p[0], p[1], p[2], shift)
	return p.each(func(channel int, _ *Node) *Node {
		k := AddScalar(hue, []float64{5, 3, 1}[channel])
		k = Sub(k, MulScalar(Floor(MulScalar(k, 1.0/6)), 6))
		return Sub(value, Mul(spread, clamp(Min(k, AddScalar(Neg(k), 4)))))
	})
}
