package moco_test

import (
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"

	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
)

// runner is a trial that fails its test.
type runner struct{ *trial.Trial }

func newRunner(t testing.TB, b compute.Backend, devices int, c moco.Step) runner {
	t.Helper()
	tr, err := trial.New(b, devices, c)
	if err != nil {
		t.Fatal(err)
	}
	return runner{tr}
}

func (r runner) conditioned() runner { return runner{r.Conditioned()} }

func (r runner) run(t testing.TB, steps int, lr float32) trial.Run {
	t.Helper()
	run, err := r.Run(steps, lr)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// compareRuns fails where two runs differ by more than the limits.
func compareRuns(t *testing.T, got, want trial.Run, limits trial.Limits) {
	t.Helper()
	worst, err := trial.Compare(got, want, limits)
	if err != nil {
		t.Error(err)
	}
	t.Logf("worst relative L2 difference after %d steps: %v", len(want.Figures), worst)
}
