package judge

import (
	"context"
	"errors"
	"fmt"
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
