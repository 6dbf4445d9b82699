package augment

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// shiftHue turns the colour wheel by shift turns ([N, 1, 1, 1]): torchvision's adjust_hue, RGB to HSV and back.
//
// With V the largest channel, D the largest minus the smallest (V times the saturation) and h the hue in sixths of
// a turn, channel c is V - D clamp(min(k, 4-k)), k = (h + n_c) mod 6, n = 5, 3, 1. This is the six-case HSV formula
// as one expression, which all channels share; it needs no saturation, and where D is 0 any hue will do.
func shiftHue(x, shift *Node) *Node {
	value, spread, hue := wheel(plane(x, 0), plane(x, 1), plane(x, 2), shift)
	first := Reshape(Const(x.Graph(), []float32{5, 3, 1}), 1, 1, 3, 1)
	k := Add(hue, first) // [N, H, 3, W]
	k = Sub(k, MulScalar(Floor(MulScalar(k, 1.0/6)), 6))
	return Sub(value, Mul(spread, clamp(Min(k, AddScalar(Neg(k), 4)))))
}

// wheel is V, D and h of the channels, each [N, H, 1, W], with the shift added to h.
func wheel(r, green, b, shift *Node) (value, spread, hue *Node) {
	value = Max(Max(r, green), b)
	spread = Sub(value, Min(Min(r, green), b))
	colourless := Equal(spread, ZerosLike(spread))
	perSpread := Reciprocal(Where(colourless, OnesLike(spread), spread))

	fromBlue := AddScalar(Mul(Sub(r, green), perSpread), 4)
	fromGreen := AddScalar(Mul(Sub(b, r), perSpread), 2)
	fromRed := Mul(Sub(green, b), perSpread)
	hue = Where(Equal(value, r), fromRed, Where(Equal(value, green), fromGreen, fromBlue)) // [-1, 5]
	return value, spread, Add(hue, MulScalar(shift, 6))
}
