//go:build invariants

package step

import (
	"errors"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
)

// A build with -tags invariants looks at what a step makes of the state: here somebody moves the queue's pointer.
func TestStepIsChecked(t *testing.T) {
	c := run.Glyphs()
	c.Encoder.Width, c.Encoder.Dim, c.Views.ImageSize = 2, 8, 16
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 16, 2, 40
	s, err := New(engines.Mesh(t, engines.Go(t), 1), c.Step(), 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.checked(func() (moco.Figures, error) {
		return moco.Figures{}, s.store.GetVariable(moco.PointerName).SetValue(tensors.FromScalar(int32(3)))
	})
	if !errors.Is(err, moco.ErrInvariant) {
		t.Errorf("error %v, want ErrInvariant", err)
	}
}
