package resnet

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// maxPool is torch's MaxPool2d(3, stride 2, padding 1) of x [N,H,W,C], none of it negative: zeros may pad.
func (e *encoder) maxPool(x *Node) *Node {
	switch {
	case e.lowering.windowsByMatmul:
		return maxPoolByTaps(x)
	case e.lowering.scattersInAnyOrder:
		return maxPoolByChoice(x)
	case e.lowering.plainLoops:
		return maxPoolSpread(x)
	}
	return MaxPool(x).Window(3).Strides(2).PaddingPerDim([][2]int{{1, 1}, {1, 1}}).Done()
}

func maxPoolByTaps(x *Node) *Node {
	taps := windowTaps(x, 3, 2)
	for _, tap := range taps[1:] {
		taps[0] = Max(taps[0], tap)
	}
	return taps[0]
}

// maxPoolByChoice chooses the number of each window's first largest element, and takes that element. The gradient of the
// taking puts each window's where it belongs, in one order, and is one loop: what is kept for it is a byte a window.
func maxPoolByChoice(x *Node) *Node {
	taps := windowTaps(x, 3, 2)
	choice, _ := largestTap(taps)
	chosen := taps[0]
	for i, tap := range taps[1:] {
		chosen = Where(Equal(choice, number(choice, 1+i)), tap, chosen)
	}
	return chosen
}

// largestTap is the number of each window's first largest element, uint8, and that element. No gradient reaches them.
func largestTap(taps []*Node) (choice, largest *Node) {
	largest = StopGradient(taps[0])
	choice = Zeros(largest.Graph(), shapes.Make(dtypes.Uint8, largest.Shape().Dimensions...))
	for i, tap := range taps[1:] {
		tap = StopGradient(tap)
		choice = Where(GreaterThan(tap, largest), number(choice, 1+i), choice)
		largest = Max(tap, largest)
	}
	return choice, largest
}

// number is i in all elements of the shape of x.
func number(x *Node, i int) *Node { return AddScalar(ZerosLike(x), float64(i)) }

// maxPoolSpread is the largest element of each window, with a gradient that XLA's CPU engine turns into quick loops: see
// spread. Its own gradient of MaxPool looks for the largest elements a second time, with their positions, one at a time.
func maxPoolSpread(x *Node) *Node {
	dims := x.Shape().Dimensions
	var choice, gradient *Node
	x = IdentityWithCustomGradient(x, func(_, _ *Node) *Node { return spread(gradient, choice, dims) })
	taps := windowTaps(x, 3, 2)
	choice, largest := largestTap(taps)
	// This changes nothing, and leads autodiff from the result to x.
	largest = Max(largest, taps[0])
	return IdentityWithCustomGradient(largest, func(_, v *Node) *Node {
		gradient = v
		return v
	})
}

// spread is the gradient of the maximum over windows, of x [N,H,W,C] with the dimensions given: v [N,h,w,C], that of each
// window, where the element is that it chose.
//
// Windows are two apart, so rows are a pair for each of them. The first of a pair is in the middle of its own window; the
// second is the last of its own and the first of the next one. Columns likewise: an element takes from at most four windows,
// each of which has chosen it where its choice is one number, which depends on the place in the pairs alone.
func spread(v, choice *Node, dims []int) *Node {
	d := v.Shape().Dimensions // [N,h,w,C]
	v, choice = withNext(withNext(v, 1), 2), withNext(withNext(choice, 1), 2)
	var sum *Node
	for row := range 2 { // the own window, and the next
		for column := range 2 {
			of := func(x *Node) *Node {
				x = Slice(x, AxisRange(), AxisRange(row, row+d[1]), AxisRange(column, column+d[2]), AxisRange())
				return BroadcastToDims(InsertAxes(x, 2, 3), d[0], d[1], 2, d[2], 2, d[3])
			}
			numbers := make([]uint8, 0, 4)
			for first := range 2 {
				for second := range 2 {
					numbers = append(numbers, chosenBy(row, column, first, second))
				}
			}
			tap := Reshape(Const(v.Graph(), numbers), 1, 1, 2, 1, 2, 1)
			from, chosen := of(v), of(choice)
			from = Where(Equal(chosen, BroadcastToShape(tap, chosen.Shape())), from, ZerosLike(from))
			if sum == nil {
				sum = from
			} else {
				sum = Add(sum, from)
			}
		}
	}
	sum = Reshape(sum, d[0], 2*d[1], 2*d[2], d[3])
	return Slice(sum, AxisRange(), AxisRange(0, dims[1]), AxisRange(0, dims[2]), AxisRange())
}

// chosenBy returns the tap by which a window picks the element at a place of its pair. It returns a number that no tap has
// where the window does not cover the place. Row and column are 0 for the pair's own window and 1 for the next one.
func chosenBy(row, column, first, second int) uint8 {
	if row > first || column > second {
		return 9
	}
	return uint8(3*((1+first)*(1-row)) + (1+second)*(1-column))
}

// withNext is x with one zero more at the end of the axis.
func withNext(x *Node, axis int) *Node {
	return Concatenate([]*Node{x, zerosFor(x, axis, 1)}, axis)
}
