package judge

import (
	"errors"
	"fmt"
	"math"

	"github.com/mocotpu/mocotpu/models/encoder"
)

// ErrNotFinite says that a feature is NaN or infinite: the encoder has diverged.
var ErrNotFinite = errors.New("feature is not finite")

// Pixels is the baseline that learned nothing. It returns the pixels of n images, scaled to [0, 1], as features
// [n, height*width*channels]. The images are uint8 of any one size, and are not kept.
func Pixels(images []uint8, n int) (encoder.Features, error) {
	if n <= 0 || len(images) == 0 || len(images)%n != 0 {
		return encoder.Features{}, fmt.Errorf("judge: pixels: %d bytes for %d images, want the same number for each", len(images), n)
	}
	data := make([]float32, len(images))
	for i, v := range images {
		data[i] = float32(v) / 255
	}
	return encoder.Features{Data: data, Dim: len(images) / n}, nil
}

// normalized returns a copy whose rows have the L2 norm 1. A row of zeros stays
// as it is: it is equally far from everything.
func normalized(f encoder.Features) (encoder.Features, error) {
	out := make([]float32, len(f.Data))
	for start := 0; start < len(f.Data); start += f.Dim {
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
