package moco

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// enqueue writes keys [n,D] over the queue [K,D] at the pointer (int32 scalar in [0,K)), wrapping at the end,
// and returns the queue and the pointer behind the keys.
//
// A dynamic update slice clamps its start instead of wrapping. So two windows of n rows are written: one
// from min(pointer, K-n), one from the queue's start. The keys are laid into two windows of zeros, as many
// rows down as the pointer stands behind the first window's start (the overhang, 0 unless the keys wrap);
// where a window has no keys it keeps the queue's. With K = 10, n = 4 keys abcd and the pointer at 8:
//
//	queue    0 1 2 3 4 5 6 7 8 9
//	keys     . . a b | c d . .      two windows, overhang 8 - 6 = 2
//	windows  6 7 a b   c d 2 3      written at rows 6 and 0
//	queue    c d 2 3 4 5 6 7 a b    the new pointer is 2
//
// Over a mesh the keys' way into the replicated buffer is the step's one all-gather. The queue stays
// two-dimensional: reshaped into windows it would be gathered whole.
func enqueue(queue, pointer, keys *Node) (newQueue, newPointer *Node) {
	g := queue.Graph()
	n, k, d := keys.Shape().Dimensions[0], queue.Shape().Dimensions[0], queue.Shape().Dimensions[1]
	next := AddScalar(pointer, n)
	newPointer = Where(GreaterOrEqual(next, Scalar(g, dtypes.Int32, k)), SubScalar(next, k), next)
	if !g.Backend().Capabilities().Operations[compute.OpTypeDynamicUpdateSlice] {
		return enqueueByGather(queue, pointer, keys), newPointer
	}
	zero := ScalarZero(g, dtypes.Int32)
	first := MinScalar(pointer, k-n)
	overhang := Sub(pointer, first)

	laid := DynamicUpdateSlice(Zeros(g, shape(dtypes.Float32, 2*n, d)), keys, []*Node{overhang, zero})
	head, tail := Slice(laid, AxisRange(0, n)), Slice(laid, AxisRange(n, 2*n))
	row := Iota(g, shape(dtypes.Int32, n, d), 0)
	inFirst := GreaterOrEqual(row, BroadcastToDims(overhang, n, d))

	// The windows overlap when 2n > K: the second reads what the first wrote.
	window := func(start *Node) *Node { return DynamicSlice(queue, []*Node{start, zero}, []int{n, d}) }
	queue = DynamicUpdateSlice(queue, Where(inFirst, head, window(first)), []*Node{first, zero})
	queue = DynamicUpdateSlice(queue, Where(inFirst, window(zero), tail), []*Node{zero, zero})
	return queue, newPointer
}

// enqueueByGather is for backends without dynamic update slices. It takes each row of the new queue from keys and queue, laid end to end, by its index. On a
// mesh the gather would cost a collective more.
func enqueueByGather(queue, pointer, keys *Node) *Node {
	g := queue.Graph()
	n, k := keys.Shape().Dimensions[0], queue.Shape().Dimensions[0]
	row := Iota(g, shape(dtypes.Int32, k, 1), 0)
	behind := Sub(row, BroadcastToDims(pointer, k, 1))
	behind = Where(LessThan(behind, Scalar(g, dtypes.Int32, 0)), AddScalar(behind, k), behind)
	from := Where(LessThan(behind, Scalar(g, dtypes.Int32, n)), behind, AddScalar(row, n))
	return Gather(Concatenate([]*Node{keys, queue}, 0), from)
}
