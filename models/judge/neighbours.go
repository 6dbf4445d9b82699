package judge

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// The similarities are computed in blocks of one shape, the last ones padded, so
// that one program does and 4 MiB of similarities are held at a time, however
// long the bank.
const (
	queryBlock = 256
	bankBlock  = 4096
)

// Neighbour is a row of the bank and its cosine similarity to the query, -1 to 1.
type Neighbour struct {
	Row        int
	Similarity float32
}

// Neighbours returns, for each query, its k most similar rows of the bank, the nearest first, as KNN asks them. It gives up
// with the context.
func (s *Search) Neighbours(ctx context.Context, bank, queries encoder.Features, k int) ([][]Neighbour, error) {
	if bank.Dim != queries.Dim || k < 1 || k > bank.Len() {
		return nil, fmt.Errorf("judge: neighbours: %d of %d rows of %d for queries of %d, want as long rows and so many",
			k, bank.Len(), bank.Dim, queries.Dim)
	}
	bank, err := normalized(ctx, bank)
	if err != nil {
		return nil, fmt.Errorf("judge: neighbours: bank: %w", err)
	}
	if queries, err = normalized(ctx, queries); err != nil {
		return nil, fmt.Errorf("judge: neighbours: queries: %w", err)
	}
	found, err := s.nearest(ctx, bank, queries, k)
	if err != nil {
		return nil, fmt.Errorf("judge: neighbours: %w", err)
	}
	all := make([][]Neighbour, len(found))
	for q, rows := range found {
		for _, n := range rows {
			all[q] = append(all[q], Neighbour{Row: int(n.row), Similarity: n.similarity})
		}
	}
	return all, nil
}

// neighbour is a row of the bank and its similarity to the query.
type neighbour struct {
	similarity float32
	row        int32
}

// nearer tells whether a is before b: the more similar first, the earlier row on a tie. Similarities are finite.
func (a neighbour) nearer(b neighbour) bool {
	return a.similarity > b.similarity || a.similarity == b.similarity && a.row < b.row
}

// byNearness orders neighbours, the nearest first.
func byNearness(a, b neighbour) int {
	switch {
	case a.nearer(b):
		return -1
	case b.nearer(a):
		return 1
	}
	return 0
}

// nearest returns, for each query, its k most similar rows of the bank, the
// nearest first. Both have unit rows of one length, and k is at most the bank's.
// It looks at the context before every pair of blocks, which takes milliseconds.
func (s *Search) nearest(ctx context.Context, bank, queries encoder.Features, k int) ([][]neighbour, error) {
	queryBlocks := blocks(queries, queryBlock)
	defer finalize(queryBlocks)
	heaps := make([][]neighbour, queries.Len())
	width := min(bankBlock, bank.Len())
	for start := 0; start < bank.Len(); start += width {
		count := min(width, bank.Len()-start)
		bankRows := block(bank, start, width)
		for i, queryRows := range queryBlocks {
			if err := ctx.Err(); err != nil {
				finalize([]*tensors.Tensor{bankRows})
				return nil, err
			}
			height := queryRows.Shape().Dimensions[0]
			first := i * height
			mine := heaps[first:min(first+height, len(heaps))]
			if err := similarities(s.exec, queryRows, bankRows, func(flat []float32) {
				eachInParallel(len(mine), func(q int) {
					mine[q] = keepNearest(mine[q], k, flat[q*width:q*width+count], start)
				})
			}); err != nil {
				return nil, err
			}
		}
		finalize([]*tensors.Tensor{bankRows})
	}
	eachInParallel(len(heaps), func(q int) { slices.SortFunc(heaps[q], byNearness) })
	return heaps, nil
}

// similarities runs one pair of blocks and lends the result to use.
func similarities(exec *graph.Exec, queries, bank *tensors.Tensor, use func(flat []float32)) error {
	out, err := exec.Call(queries, bank)
	if err != nil {
		return fmt.Errorf("similarities: %w", err)
	}
	defer finalize(out)
	return tensors.ConstFlatData(out[0], use)
}

// blocks cuts f into blocks of one height.
func blocks(f encoder.Features, height int) []*tensors.Tensor {
	height = min(height, f.Len())
	var cut []*tensors.Tensor
	for start := 0; start < f.Len(); start += height {
		cut = append(cut, block(f, start, height))
	}
	return cut
}

// block copies height rows from start; rows beyond the end are zeros, whose
// similarities nobody reads.
func block(f encoder.Features, start, height int) *tensors.Tensor {
	from, to := start*f.Dim, (start+height)*f.Dim
	data := f.Data[from:min(to, len(f.Data))]
	if to > len(f.Data) {
		data = append(slices.Clone(data), make([]float32, to-len(f.Data))...)
	}
	return tensors.FromFlatDataAndDimensions(data, height, f.Dim)
}

func finalize(all []*tensors.Tensor) {
	for _, t := range all {
		t.FinalizeAll()
	}
}

// keepNearest offers the rows from first on, with their similarities, to a heap
// of the k nearest, whose root is the farthest of them, and returns the heap.
func keepNearest(heap []neighbour, k int, similarities []float32, first int) []neighbour {
	for i, s := range similarities {
		switch {
		case len(heap) < k:
			heap = append(heap, neighbour{s, int32(first + i)})
			up(heap)
		case s > heap[0].similarity: // a later row loses a tie
			heap[0] = neighbour{s, int32(first + i)}
			down(heap)
		}
	}
	return heap
}

// up moves the last element to its place.
func up(heap []neighbour) {
	i := len(heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if heap[i].nearer(heap[parent]) {
			return
		}
		heap[i], heap[parent] = heap[parent], heap[i]
		i = parent
	}
}

// down moves the root to its place.
func down(heap []neighbour) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child].nearer(heap[child+1]) {
			child++
		}
		if heap[child].nearer(heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// eachInParallel calls do for 0 to n-1 in any order and waits for all.
func eachInParallel(n int, do func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	var wait guard.Group
	for w := range workers {
		wait.Go(func() {
			for i := w * n / workers; i < (w+1)*n/workers; i++ {
				do(i)
			}
		})
	}
	wait.Wait()
}

// votes adds the neighbours' weights to scores, one per class. The weight is
// relative to the nearest neighbour's, best, so that no temperature overflows.
func votes(scores []float64, neighbours []neighbour, labels []int32, best float32, temperature float64) {
	for _, n := range neighbours {
		scores[labels[n.row]] += math.Exp((float64(n.similarity) - float64(best)) / temperature)
	}
}
