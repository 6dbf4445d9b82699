//go:build slow && cgo

package train

import (
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
)

// glyphsPreset is the beginning of the preset's run.
func glyphsPreset(dir string) run.Config {
	c := run.Glyphs()
	c.Run.Dir, c.Run.Steps, c.Run.LogEvery, c.Run.CheckpointEvery, c.KNN.Every = dir, 20, 1, 0, 0
	return c
}

func TestGlyphsOverTwoProcessesSlow(t *testing.T)  { testTrainOver(t, 2, 2, 20, glyphsPreset) }
func TestGlyphsOverFourProcessesSlow(t *testing.T) { testTrainOver(t, 4, 1, 20, glyphsPreset) }
