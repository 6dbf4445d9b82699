package judge

import (
	"context"
	"fmt"
	"time"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Size is how large a search is: Queries look for their K nearest of Bank rows, all rows of Dim float32s. It says what the
// search takes before there is a row of either. All are at least 1.
type Size struct{ Bank, Queries, Dim, K int }

// Features is the memory that the rows of both take, in bytes.
func (s Size) Features() int64 {
	return limits.Product(limits.Sum(int64(s.Bank), int64(s.Queries)), int64(s.Dim), 4)
}

// Working is the memory that a search takes beside the features, in bytes: the queries at unit length, on the host and on
// a device; a factor for each row; the neighbours, once as they are found and once as they are returned; and one pair of
// blocks, of which the host has a copy. A bank is not copied.
func (s Size) Working() int64 {
	const factor, found = 8, 8 + 16
	row := limits.Product(int64(s.Dim), 4)
	return limits.Sum(
		limits.Product(int64(s.Queries), row, 2),
		limits.Product(limits.Sum(int64(s.Bank), int64(s.Queries)), factor),
		limits.Product(int64(s.Queries), int64(s.K), found),
		limits.Product(bankBlock, row, 2),
		limits.Product(bankBlock, queryBlock, 4),
	)
}

// Flops is what the similarities take, a multiplication and an addition for each pair of elements.
func (s Size) Flops() float64 { return 2 * float64(s.Bank) * float64(s.Queries) * float64(s.Dim) }

func (s Size) String() string {
	return fmt.Sprintf("%d nearest of %d rows for %d queries, %d features each", s.K, s.Bank, s.Queries, s.Dim)
}

// Check returns a [settings.ErrInvalid] for a search that this process has no memory for, or that is none.
func (s Size) Check() error { return s.checkIn(limits.Memory()) }

func (s Size) checkIn(memory int64) error {
	if s.Bank < 1 || s.Queries < 1 || s.Dim < 1 || s.K < 1 || s.K > s.Bank {
		return fmt.Errorf("judge: %w: a search for the %s, want at least one of each, and no more neighbours than rows", settings.ErrInvalid, s)
	}
	if need := limits.Sum(s.Features(), s.Working()); need > memory {
		rest := max(0, memory-Size{0, s.Queries, s.Dim, s.K}.Features()-Size{0, s.Queries, s.Dim, s.K}.Working())
		return fmt.Errorf("judge: %w: the %s take %s (features %s, the search beside them %s), and this process may use %s: want a bank of at most %d rows, or fewer features",
			settings.ErrInvalid, s, limits.Text(need), limits.Text(s.Features()), limits.Text(s.Working()), limits.Text(memory), rest/(4*int64(s.Dim)+8))
	}
	return nil
}

// Estimate says how long a search takes on this machine. It times the products of one pair of blocks, after a first pair that
// compiles the program. The time to pick the nearest rows is not included, nor is other load: on a busy machine a search took
// two to four times as long.
func (s *Search) Estimate(ctx context.Context, size Size) (time.Duration, error) {
	const most = 8 // pairs of blocks that are timed
	rows := func(n int) encoder.Features {
		return encoder.Features{Data: make([]float32, n*size.Dim), Dim: size.Dim}
	}
	bank := unit{Features: rows(min(size.Bank, s.bankBlock))}
	queries := unit{Features: rows(min(size.Queries, s.queryBlock))}
	asked := Size{bank.Len(), queries.Len(), size.Dim, min(size.K, bank.Len())}
	var fastest time.Duration
	for i := range most + 1 {
		start := time.Now()
		if _, err := s.nearest(ctx, bank, queries, 1, nil); err != nil {
			return 0, fmt.Errorf("judge: %w", err)
		}
		if took := time.Since(start); i == 1 || i > 1 && took < fastest {
			fastest = took
		}
	}
	return time.Duration(float64(fastest) * size.Flops() / asked.Flops()), nil
}
