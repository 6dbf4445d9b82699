//go:build cgo && slow

package moco_test

import (
	"math"
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSlowEightDevicesGiveTheNumbersOfOneResNet18 has the width that ResNet-18 has.
func TestSlowEightDevicesGiveTheNumbersOfOneResNet18(t *testing.T) {
	c := trial.Small()
	c.Encoder.Arch, c.Encoder.Width, c.Encoder.Dim = "resnet18", 64, 128
	eightGiveTheNumbersOfOne(t, c, 1, trial.Limits{Loss: parity.Elsewhere, State: parity.Elsewhere, Gradient: 1e-3})
}

// TestSlowEightDevicesGiveTheNumbersOfOneSymmetric has both terms of the loss, and each device its share at once: in
// TestMicroBatchesSymmetric the one device has it in micro-batches.
func TestSlowEightDevicesGiveTheNumbersOfOneSymmetric(t *testing.T) {
	linear := trial.Small()
	linear.Symmetric = true
	for _, c := range []moco.Step{symmetric(), linear} {
		eightGiveTheNumbersOfOne(t, c, 2, trial.Elsewhere)
	}
}

// TestSlowTwoDevicesGiveTheNumbersOfOne has devices that hold four groups each.
func TestSlowTwoDevicesGiveTheNumbersOfOne(t *testing.T) {
	compareRuns(t, smallStep(t, 2).conditioned().run(t, 5, 0.001), smallStep(t, 1).conditioned().run(t, 5, 0.001), trial.Elsewhere)
}

// eightGiveTheNumbersOfOne runs a step on one device and on eight.
func eightGiveTheNumbersOfOne(t *testing.T, c moco.Step, steps int, limits trial.Limits) {
	t.Helper()
	one := newRunner(t, xlatest.CPU(t, 1), 1, c).conditioned().run(t, steps, 0.001)
	eight := newRunner(t, xlatest.CPU(t, 8), 8, c).conditioned().run(t, steps, 0.001)
	compareRuns(t, eight, one, limits)
}

// TestSlowTwentySteps says what holds of "eight devices give the numbers of one" at twenty steps. Where a step is a
// smooth function (condition), everything does, to rounding. Where ReLUs switch and the rate is high, rounding grows
// about tenfold a step, and after some six steps two runs keep the same course only: the losses' mean, not the parameters.
func TestSlowTwentySteps(t *testing.T) {
	for _, test := range []struct {
		arch       string
		width, dim int
	}{
		{"resnet10", 4, 32},
		{"resnet18", 16, 128},
	} {
		c := trial.Small()
		c.Encoder.Arch, c.Encoder.Width, c.Encoder.Dim = test.arch, test.width, test.dim
		trials := map[int]runner{}
		for _, devices := range []int{1, 8} {
			trials[devices] = newRunner(t, xlatest.CPU(t, devices), devices, c)
			defer trials[devices].Close()
		}
		one, eight := trials[1].conditioned().run(t, 20, 0.001), trials[8].conditioned().run(t, 20, 0.001)
		compareRuns(t, eight, one, trial.Elsewhere)

		one, eight = trials[1].run(t, 20, 0.05), trials[8].run(t, 20, 0.05)
		var sumOne, sumEight float64
		for i := range one.Figures {
			a, b := float64(one.Figures[i][moco.FigureLoss]), float64(eight.Figures[i][moco.FigureLoss])
			t.Logf("%s step %d: loss %v on one device, %v on eight", test.arch, i, a, b)
			if i < 3 && !(math.Abs(a-b) <= 1e-4*a) {
				t.Errorf("%s step %d: loss %v on one device, %v on eight, want within 1e-4", test.arch, i, a, b)
			}
			sumOne, sumEight = sumOne+a, sumEight+b
		}
		if !(math.Abs(sumOne-sumEight) <= 0.1*sumOne) {
			t.Errorf("%s: losses of 20 steps add up to %v on one device, %v on eight, want within a tenth", test.arch, sumOne, sumEight)
		}
	}
}
