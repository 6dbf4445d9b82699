//go:build cgo && slow

package moco_test

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSlowTwentySteps says how far eight devices drift from one: rounding grows with every step, and the numbers stay
// those of one run for a while only.
func TestSlowTwentySteps(t *testing.T) {
	for _, test := range []struct {
		arch       string
		width, dim int
		tolerance  float64 // of the 20th loss and of every tensor then
	}{
		{"resnet10", 4, 32, 0.05},
		{"resnet18", 64, 128, 0.2},
	} {
		c := smallConfig()
		c.Encoder.Arch, c.Encoder.Width, c.Encoder.Dim = test.arch, test.width, test.dim
		one := runSteps(t, xlatest.CPU(t, 1), 1, c, 20)
		eight := runSteps(t, xlatest.CPU(t, 8), 8, c, 20)
		for i := range one.figures {
			t.Logf("%s step %d: loss %v on one device, %v on eight", test.arch, i, one.figures[i][moco.FigureLoss], eight.figures[i][moco.FigureLoss])
		}
		compareRuns(t, eight, one, test.tolerance, 1)
	}
}

func runSteps(t testing.TB, b compute.Backend, devices int, c moco.Config, steps int) stepRun {
	t.Helper()
	tr := newTrial(t, b, devices, c)
	defer tr.program.Close()
	return tr.run(t, steps, 0.05)
}
