package judge

import (
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
)

// The supervised baseline takes as long as the run's steps did, whether its epochs or its steps ended it.
func TestEpochsOf(t *testing.T) {
	c := run.Glyphs() // batches of 128
	for _, test := range []struct{ epochs, steps, want int }{{8, 0, 8}, {200, 1000, 10}, {0, 1000, 10}, {0, 149, 1}, {0, 151, 2}, {5, 1, 1}} {
		c.Run.Epochs, c.Run.Steps = test.epochs, test.steps
		if got := epochsOf(c, 100*128+5); got != test.want {
			t.Errorf("%d epochs, %d steps: %d epochs, want %d", test.epochs, test.steps, got, test.want)
		}
	}
}
