package moco

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// The enqueue against a plain loop: every pointer of queues that hold the keys exactly, nearly, and many
// times, so that it wraps by every length; K need be no multiple of N.
func TestEnqueue(t *testing.T) { testEnqueue(t, engines.Go(t)) }

func testEnqueue(t *testing.T, b compute.Backend) {
	const dim = 2
	for _, size := range []struct{ n, k int }{{1, 1}, {1, 3}, {3, 3}, {3, 4}, {3, 5}, {3, 7}, {4, 8}, {4, 13}} {
		exec, err := NewExec(b, func(queue, pointer, keys *Node) (*Node, *Node) {
			return enqueue(queue, pointer, keys)
		})
		if err != nil {
			t.Fatal(err)
		}
		for pointer := range size.k {
			queue, keys := numbers(size.k*dim, 100), numbers(size.n*dim, 1000)
			want := slices.Clone(queue)
			for i := range size.n {
				copy(want[(pointer+i)%size.k*dim:][:dim], keys[i*dim:])
			}
			got, next, err := exec.Call2(tensors.FromFlatDataAndDimensions(queue, size.k, dim),
				int32(pointer), tensors.FromFlatDataAndDimensions(keys, size.n, dim))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(floats(got), want) {
				t.Errorf("N %d, K %d, pointer %d: queue %v, want %v", size.n, size.k, pointer, floats(got), want)
			}
			if p, want := tensors.ToScalar[int32](next), int32((pointer+size.n)%size.k); p != want {
				t.Errorf("N %d, K %d, pointer %d: next pointer %d, want %d", size.n, size.k, pointer, p, want)
			}
		}
		exec.Finalize()
	}
}

// numbers are n different values above base.
func numbers(n, base int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(base + i)
	}
	return values
}
