//go:build cgo

package judge

import (
	"math"
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

func TestTorchCurvesOnXLA(t *testing.T) { testTorchCurves(t, engines.Mesh(t, xlatest.CPU(t, 1), 1)) }

// Eight devices see padded rows in every epoch: neither 96 rows a step nor the last 40 of an epoch are all theirs.
func TestTorchCurvesOnEightDevices(t *testing.T) {
	testTorchCurves(t, engines.Mesh(t, xlatest.CPU(t, 8), 8))
}

// Eight devices give the numbers of one, and XLA those of the Go engine.
func TestTrainOnEightDevices(t *testing.T) {
	want := lossesOn(t, engines.Mesh(t, engines.Go(t), 1))
	for _, devices := range []int{1, 8} {
		for name, got := range lossesOn(t, engines.Mesh(t, xlatest.CPU(t, devices), devices)) {
			for epoch, loss := range got {
				if d := math.Abs(loss-want[name][epoch]) / want[name][epoch]; d > 1e-4 {
					t.Errorf("%d devices, %s, epoch %d: loss %.7f, want %.7f: %.1e away", devices, name, epoch, loss, want[name][epoch], d)
				}
			}
		}
	}
}
