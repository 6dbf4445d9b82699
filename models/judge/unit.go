package judge

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/encoder"
)

// unit is features as a search sees them: every row has the length 1. A bank may take half of the memory, so no scaled copy is
// made; rows are scaled when they are copied into a block. A row of zeros stays as it is, equally far from everything.
type unit struct {
	encoder.Features
	scale []float64 // what a row's elements are multiplied by; nil where rows have their length already
}

// scaleBlock is how many rows are measured between two looks at the context.
const scaleBlock = 4096

// unitOf measures the rows. One that is not finite is [ErrNotFinite]; of several the first is named. It gives up with the
// context: a million rows take seconds.
func unitOf(ctx context.Context, f encoder.Features) (unit, error) {
	u := unit{f, make([]float64, f.Len())}
	for first := 0; first < f.Len(); first += scaleBlock {
		if ctx.Err() != nil {
			return unit{}, ctx.Err()
		}
		bad := f.Len()
		var mu sync.Mutex
		eachInParallel(min(scaleBlock, f.Len()-first), func(i int) {
			row := first + i
			switch sum := squares(f.Data[row*f.Dim : (row+1)*f.Dim]); {
			case math.IsNaN(sum) || math.IsInf(sum, 0):
				mu.Lock()
				bad = min(bad, row)
				mu.Unlock()
			case sum > 0:
				u.scale[row] = 1 / math.Sqrt(sum)
			}
		})
		if bad < f.Len() {
			return unit{}, fmt.Errorf("row %d: %w", bad, ErrNotFinite)
		}
	}
	return u, nil
}

// squares is the sum of a row's squares, in float64, where no float32 overflows. It is four sums, so that none waits for the one before.
func squares(row []float32) float64 {
	var a, b, c, d float64
	for ; len(row) >= 4; row = row[4:] {
		a += float64(row[0]) * float64(row[0])
		b += float64(row[1]) * float64(row[1])
		c += float64(row[2]) * float64(row[2])
		d += float64(row[3]) * float64(row[3])
	}
	for _, v := range row {
		a += float64(v) * float64(v)
	}
	return (a + b) + (c + d)
}

// copyRow writes a row at the length 1.
func (u unit) copyRow(dst []float32, row int) {
	from := u.Data[row*u.Dim : (row+1)*u.Dim]
	if u.scale == nil {
		copy(dst, from)
		return
	}
	scale := u.scale[row]
	for i, v := range from {
		dst[i] = float32(float64(v) * scale)
	}
}

// normalized returns a copy whose rows have the L2 norm 1, for what needs all of them at once.
func normalized(ctx context.Context, f encoder.Features) (encoder.Features, error) {
	u, err := unitOf(ctx, f)
	if err != nil {
		return encoder.Features{}, err
	}
	out := encoder.Features{Data: make([]float32, len(f.Data)), Dim: f.Dim}
	for row := range f.Len() {
		u.copyRow(out.Data[row*f.Dim:(row+1)*f.Dim], row)
	}
	return out, nil
}

// blocks cuts u into blocks of one height.
func (u unit) blocks(height int) ([]*tensors.Tensor, error) {
	height = min(height, u.Len())
	var cut []*tensors.Tensor
	for start := 0; start < u.Len(); start += height {
		b, err := u.block(start, height)
		if err != nil {
			finalize(cut)
			return nil, err
		}
		cut = append(cut, b)
	}
	return cut, nil
}

// block copies height rows from start; rows beyond the end are zeros, whose similarities nobody reads.
func (u unit) block(start, height int) (*tensors.Tensor, error) {
	return tensorOf(dtypes.Float32, func(flat []float32) { u.copyRows(flat, start) }, height, u.Dim)
}

// copyRows copies as many rows from start as dst has room for and u has.
func (u unit) copyRows(dst []float32, start int) {
	eachInParallel(min(len(dst)/u.Dim, u.Len()-start), func(i int) {
		u.copyRow(dst[i*u.Dim:(i+1)*u.Dim], start+i)
	})
}

func finalize(all []*tensors.Tensor) {
	for _, t := range all {
		t.FinalizeAll()
	}
}
