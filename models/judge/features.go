package judge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
)

// ErrNotFinite says that a feature is NaN or infinite: the encoder has diverged.
var ErrNotFinite = errors.New("feature is not finite")

// Pixels is the baseline that learned nothing: the pixels of all images of a source, scaled to [0, 1], as features
// [n, height*width*channels], four bytes each. It gives up with the context.
func Pixels(ctx context.Context, images data.Source) (Labelled, error) {
	const chunk = 256
	info := images.Info()
	if info.N < 1 {
		return Labelled{}, fmt.Errorf("judge: pixels: %s has no images, want at least one", info.Name)
	}
	l := Labelled{Features: encoder.Features{Dim: info.ImageLen(), Data: make([]float32, 0, info.N*info.ImageLen())}}
	bytes, rows := make([]uint8, chunk*info.ImageLen()), make([]data.Row, chunk)
	for indices := range slices.Chunk(sequence(info.N), chunk) {
		if err := ctx.Err(); err != nil {
			return l, err
		}
		part := bytes[:len(indices)*info.ImageLen()]
		if err := images.Fill(part, rows[:len(indices)], indices); err != nil {
			return l, fmt.Errorf("judge: pixels: %w", err)
		}
		for _, v := range part {
			l.Data = append(l.Data, float32(v)/255)
		}
		for _, row := range rows[:len(indices)] {
			l.Labels = append(l.Labels, row.Label)
		}
	}
	return l, nil
}

// normalized returns a copy whose rows have the L2 norm 1. A row of zeros stays
// as it is: it is equally far from everything. It gives up with the context: a
// million rows take seconds.
func normalized(ctx context.Context, f encoder.Features) (encoder.Features, error) {
	out := make([]float32, len(f.Data))
	for start := 0; start < len(f.Data); start += f.Dim {
		if start/f.Dim%bankBlock == 0 && ctx.Err() != nil {
			return encoder.Features{}, ctx.Err()
		}
		row := f.Data[start : start+f.Dim]
		var squares float64 // in float64 no float32 overflows
		for _, v := range row {
			squares += float64(v) * float64(v)
		}
		if math.IsNaN(squares) || math.IsInf(squares, 0) {
			return encoder.Features{}, fmt.Errorf("row %d: %w", start/f.Dim, ErrNotFinite)
		}
		if squares == 0 {
			continue
		}
		scale := 1 / math.Sqrt(squares)
		for i, v := range row {
			out[start+i] = float32(float64(v) * scale)
		}
	}
	return encoder.Features{Data: out, Dim: f.Dim}, nil
}
