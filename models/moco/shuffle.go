package moco

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// shuffle exchanges rows between the groups of x [N,...], so that each group of the result holds equally many
// rows of every group in its set: a transpose between a set's groups, its own inverse. With the batch in
// random order (it is: see data.Order) that is a balanced random permutation.
//
// Over a mesh it compiles to one all-to-all of the rows, if what follows is known to be split over the batch:
// the key views' parameters, an input that is split, see to that.
func shuffle(x *Node, groups int) *Node {
	dims := x.Shape().Dimensions
	n := dims[0]
	s := shuffleSet(groups, n)
	if s == 1 {
		return x
	}
	inner := []int{groups / s, s, s, n / groups / s} // set, group, destination, row
	axes := []int{0, 2, 1, 3}
	if s == groups {
		inner, axes = inner[1:], []int{1, 0, 2}
	}
	for i := range dims[1:] {
		axes = append(axes, len(inner)+i)
	}
	x = TransposeAllAxes(Reshape(x, append(inner, dims[1:]...)...), axes...)
	return Reshape(x, dims...)
}

// ShuffleOrder is the permutation that Shuffling BN applies to a batch: row i of the key encoder's batch is
// row ShuffleOrder[i] of the batch. Without shuffling it is the identity. The key views' parameters enter the
// step in this order.
func (c Config) ShuffleOrder() []int {
	order := make([]int, c.Batch)
	s := 1
	if c.shuffles() {
		s = shuffleSet(c.Groups, c.Batch)
	}
	perGroup := c.Batch / c.Groups
	chunk := perGroup / s
	for i := range order {
		group, row := i/perGroup, i%perGroup
		set, member := group/s, group%s
		from, offset := row/chunk, row%chunk
		order[i] = (set*s+from)*perGroup + member*chunk + offset
	}
	return order
}
