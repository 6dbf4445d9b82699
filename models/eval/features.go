package eval

import (
	"errors"
	"fmt"
	"math"
)

// ErrNotFinite says that a feature is NaN or infinite: the encoder has diverged.
var ErrNotFinite = errors.New("feature is not finite")

// Features is a matrix [n, Dim], row after row.
type Features struct {
	Data []float32
	// Dim is the length of a row, at least 1.
	Dim int
}

// Len is the number of rows.
func (f Features) Len() int { return len(f.Data) / f.Dim }

// Embedder turns images into features. Implementations say whether they may be
// used from several goroutines; this package uses one.
type Embedder interface {
	// Embed takes n images, uint8 [n, height, width, channels] of the size it
	// was made for, which it does not keep, and returns [n, Dim].
	Embed(images []uint8, n int) (Features, error)
}

// Pixels is the baseline that learned nothing: an image's feature is its pixels,
// scaled to [0, 1], of any size. It may be used from several goroutines.
type Pixels struct{}

// Embed implements [Embedder].
func (Pixels) Embed(images []uint8, n int) (Features, error) {
	if n <= 0 || len(images) == 0 || len(images)%n != 0 {
		return Features{}, fmt.Errorf("eval: pixels: %d bytes for %d images, want the same number for each", len(images), n)
	}
	data := make([]float32, len(images))
	for i, v := range images {
		data[i] = float32(v) / 255
	}
	return Features{Data: data, Dim: len(images) / n}, nil
}

// normalized returns a copy whose rows have the L2 norm 1. A row of zeros stays
// as it is: it is equally far from everything.
func (f Features) normalized() (Features, error) {
	out := make([]float32, len(f.Data))
	for start := 0; start < len(f.Data); start += f.Dim {
		row := f.Data[start : start+f.Dim]
		var squares float64 // in float64 no float32 overflows
		for _, v := range row {
			squares += float64(v) * float64(v)
		}
		if math.IsNaN(squares) || math.IsInf(squares, 0) {
			return Features{}, fmt.Errorf("row %d: %w", start/f.Dim, ErrNotFinite)
		}
		if squares == 0 {
			continue
		}
		scale := 1 / math.Sqrt(squares)
		for i, v := range row {
			out[start+i] = float32(float64(v) * scale)
		}
	}
	return Features{Data: out, Dim: f.Dim}, nil
}

// Check tells whether f is a matrix with one label a row, each below classes.
func (f Features) Check(labels []int32, classes int) error {
	switch {
	case f.Dim < 1 || len(f.Data)%f.Dim != 0:
		return fmt.Errorf("%d values in rows of %d, want whole rows", len(f.Data), f.Dim)
	case len(f.Data) == 0:
		return errors.New("no rows, want at least one")
	case f.Len() != len(labels):
		return fmt.Errorf("%d rows and %d labels, want as many", f.Len(), len(labels))
	}
	for i, label := range labels {
		if label < 0 || int(label) >= classes {
			return fmt.Errorf("label %d of row %d, want 0 to %d", label, i, classes-1)
		}
	}
	return nil
}
