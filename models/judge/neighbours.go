package judge

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// The similarities are computed in blocks of one shape, the last ones padded, so
// that one program does and 4 MiB of similarities are held at a time, however
// long the bank. XLA's do not depend on the blocks: see TestBlocks.
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
	found, err := s.search(ctx, bank, queries, k, nil)
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

// search is nearest for rows of any length.
func (s *Search) search(ctx context.Context, bank, queries encoder.Features, k int, progress encoder.Progress) ([][]neighbour, error) {
	bankRows, err := unitOf(ctx, bank)
	if err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	queryRows, err := unitOf(ctx, queries)
	if err != nil {
		return nil, fmt.Errorf("queries: %w", err)
	}
	return s.nearest(ctx, bankRows, queryRows, k, progress)
}

// nearest returns, for each query, its k most similar rows of the bank, the
// nearest first. Both have rows of one length, and k is at most the bank's.
// It looks at the context before every pair of blocks, which takes milliseconds, and says how many rows of the bank were
// searched after each block of it, if anybody listens.
func (s *Search) nearest(ctx context.Context, bank, queries unit, k int, progress encoder.Progress) ([][]neighbour, error) {
	queryBlocks, err := queries.blocks(s.queryBlock)
	if err != nil {
		return nil, err
	}
	defer finalize(queryBlocks)
	heaps := make([][]neighbour, queries.Len())
	limits := make([]float32, queries.Len())
	for q := range limits {
		limits[q] = float32(math.Inf(-1))
	}
	width := heightOf(bank, s.bankBlock)
	// One tensor serves all blocks. A tensor for each would wait for the garbage collector, and together they would grow to the
	// size of the bank. Rows beyond the bank's last one are left from the block before; nobody reads their similarities.
	rows, err := bank.block(0, width)
	if err != nil {
		return nil, err
	}
	defer rows.FinalizeAll()
	for start := 0; start < bank.Len(); start += width {
		if start > 0 {
			if err := tensors.MutableFlatData(rows, func(flat []float32) { bank.copyRows(flat, start) }); err != nil {
				return nil, err
			}
		}
		if err := s.searchBlock(ctx, rows, start, min(width, bank.Len()-start), queryBlocks, heaps, limits, k); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(min(start+width, bank.Len()), bank.Len())
		}
	}
	eachInParallel(len(heaps), func(q int) { slices.SortFunc(heaps[q], byNearness) })
	return heaps, nil
}

// heightOf is how many rows of a bank are searched at a time: most, or fewer in a shorter one.
func heightOf(bank unit, most int) int {
	return min(most, (bank.Len()+rowsTogether-1)/rowsTogether*rowsTogether)
}

// searchBlock offers the first count of some rows, which are the bank's from start on, to the heaps of all queries. Limits are
// the similarities that a row must be above.
func (s *Search) searchBlock(ctx context.Context, bankRows *tensors.Tensor, start, count int, queryBlocks []*tensors.Tensor, heaps [][]neighbour, limits []float32, k int) error {
	first := 0
	for _, queryRows := range queryBlocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		height := queryRows.Shape().Dimensions[0]
		asked := min(height, len(heaps)-first)
		heaps, limits := heaps[first:first+asked], limits[first:first+asked]
		if err := similarities(s.exec, bankRows, queryRows, func(flat []float32) {
			parts := min(asked, runtime.GOMAXPROCS(0))
			eachInParallel(parts, func(part int) {
				from, to := part*asked/parts, (part+1)*asked/parts
				for row := range count {
					offer(heaps[from:to], limits[from:to], k, flat[row*height+from:row*height+to], int32(start+row))
				}
			})
		}); err != nil {
			return err
		}
		first += asked
	}
	return nil
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
