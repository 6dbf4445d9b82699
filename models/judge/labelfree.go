package judge

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/run"
)

// LabelFreeImages is how many images are judged without labels, if there are as many: enough for ranks in the hundreds, at
// the cost of three forward passes and, at 2048 features, three seconds of a CPU.
const LabelFreeImages = 1024

const (
	// rankEpsilon is RankMe's, added to each singular value's share.
	rankEpsilon = 1e-7
	// uniformityT is t of Wang and Isola's uniformity.
	uniformityT = 2
)

// LabelFree judges an encoder without labels: plain is what it makes of images as they are, first and second of two views of
// each, in the same order; at least two images. Distances are computed by the backend in float32, the rest in float64 on
// the host. It gives up with the context. The error is [ErrNotFinite] where a feature is. HeldOut is left to the caller.
func (s *Search) LabelFree(ctx context.Context, plain, first, second encoder.Embedding) (run.LabelFree, error) {
	found := run.LabelFree{Images: first.Trunk.Len()}
	var err error
	if found.Backbone, err = s.geometry(ctx, plain.Trunk, first.Trunk, second.Trunk); err == nil && first.Head.Dim > 0 {
		found.Projection = new(run.Geometry)
		*found.Projection, err = s.geometry(ctx, plain.Head, first.Head, second.Head)
	}
	if err != nil {
		return found, fmt.Errorf("judge: without labels: %w", err)
	}
	return found, nil
}

// geometry is that of one kind of features; see [Search.LabelFree].
func (s *Search) geometry(ctx context.Context, plain, first, second encoder.Features) (g run.Geometry, err error) {
	n := first.Len()
	if n < 2 || second.Len() != n || plain.Dim != first.Dim || second.Dim != first.Dim {
		return g, fmt.Errorf("views of %d and %d images, features of %d, %d and %d: want at least 2 images, and the same of each",
			n, second.Len(), plain.Dim, first.Dim, second.Dim)
	}
	if g.Rank, err = effectiveRank(plain); err != nil {
		return g, err
	}
	if first, err = normalized(ctx, first); err != nil {
		return g, err
	}
	if second, err = normalized(ctx, second); err != nil {
		return g, err
	}
	g.Alignment = alignment(first, second)
	for _, view := range []encoder.Features{first, second} {
		u, err := s.uniformity(ctx, view)
		if err != nil {
			return g, err
		}
		g.Uniformity += u / 2
	}
	found, err := s.nearest(ctx, unit{Features: second}, unit{Features: first}, 1, nil)
	if err != nil {
		return g, err
	}
	own := 0
	for i, nearest := range found {
		if int(nearest[0].row) == i {
			own++
		}
	}
	g.Retrieval = run.Float(percent(own, n))
	return g, nil
}

// effectiveRank is the exponential of the entropy of the singular values' shares of their sum. It is 0 for features that are
// all zero.
func effectiveRank(f encoder.Features) (run.Float, error) {
	x := mat.NewDense(f.Len(), f.Dim, nil)
	for i, v := range f.Data {
		if !finite(float64(v)) {
			return 0, fmt.Errorf("row %d: %w", i/f.Dim, ErrNotFinite)
		}
		x.Set(i/f.Dim, i%f.Dim, float64(v))
	}
	var svd mat.SVD
	if !svd.Factorize(x, mat.SVDNone) {
		return 0, errors.New("the singular values of the features were not found")
	}
	values, sum := svd.Values(nil), 0.0
	for _, v := range values {
		sum += v
	}
	if sum == 0 {
		return 0, nil
	}
	entropy := 0.0
	for _, v := range values {
		p := v/sum + rankEpsilon
		entropy -= p * math.Log(p)
	}
	return run.Float(math.Exp(entropy)), nil
}

// alignment is the mean squared distance of rows of the same number.
func alignment(a, b encoder.Features) run.Float {
	sum := 0.0
	for i, v := range a.Data {
		d := float64(v) - float64(b.Data[i])
		sum += d * d
	}
	return run.Float(sum / float64(a.Len()))
}

// uniformity is the logarithm of the mean of exp(-t d^2) over pairs of different rows, whose lengths are 1 or 0.
func (s *Search) uniformity(ctx context.Context, f encoder.Features) (run.Float, error) {
	n := f.Len()
	squares := make([]float64, n)
	for i, v := range f.Data {
		squares[i/f.Dim] += float64(v) * float64(v)
	}
	all := unit{Features: f}
	queryBlocks, err := all.blocks(queryBlock)
	if err != nil {
		return 0, err
	}
	defer finalize(queryBlocks)
	sums := make([]float64, n) // by row, so that the order of the additions is always the same
	width := heightOf(all, bankBlock)
	for start := 0; start < n; start += width {
		others, err := all.block(start, width)
		if err != nil {
			return 0, err
		}
		for b, rows := range queryBlocks {
			err := ctx.Err()
			if err == nil {
				height := rows.Shape().Dimensions[0]
				err = similarities(s.exec, others, rows, func(flat []float32) {
					eachInParallel(min(height, n-b*height), func(q int) {
						row := b*height + q
						for at := start; at < min(start+width, n); at++ {
							if at != row {
								d := squares[row] + squares[at] - 2*float64(flat[(at-start)*height+q])
								sums[row] += math.Exp(-uniformityT * max(0, d))
							}
						}
					})
				})
			}
			if err != nil {
				others.FinalizeAll()
				return 0, err
			}
		}
		others.FinalizeAll()
	}
	total := 0.0
	for _, sum := range sums {
		total += sum
	}
	return run.Float(math.Log(total / (float64(n) * float64(n-1)))), nil
}
