//go:build cgo

package train

import (
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// clock is what the clock decides in a line of metrics.jsonl.
var clock = regexp.MustCompile(`,"time":\{[^}]*\}|,"seconds":[^,}]*`)

// metricsWithoutTimes is metrics.jsonl as it was written, but for what the clock decides.
func metricsWithoutTimes(dir string) string {
	return clock.ReplaceAllString(string(must.M1(os.ReadFile(filepath.Join(dir, run.MetricsFile)))), "")
}

// compiled counts the programs that a run compiles or finds compiled, by name, but for that of -tags invariants.
func compiled(e *xla.Engine, run func()) map[string]int {
	before := xlatest.Programs(e)
	run()
	names, programs := map[string]int{}, e.Programs()
	for _, p := range programs[len(programs)-(xlatest.Programs(e)-before):] {
		name, _, _ := strings.Cut(p.Name, "#") // GoMLX numbers the graphs of a function
		names[name]++
	}
	if step.Invariants {
		delete(names, "shuffle")
	}
	return names
}

// TestTrainOnDevices has a run on eight devices, and another one that stops in the middle of an epoch: the same byte for byte.
// That goes on on one device, which differs from the first run by rounding. [TestResumeElsewhere] compares two runs on one.
func TestTrainOnDevices(t *testing.T) {
	const stop, steps = 5, 8
	one, eight := xlatest.CPU(t, 1), xlatest.CPU(t, 8)
	c := tiny(filepath.Join(t.TempDir(), "whole"))
	c.Data.TrainImages = 140 // four epochs of two steps
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 64, 8, 160
	c.Run.Epochs, c.Run.LogEvery = 4, 1
	whole := c.Run.Dir
	counts := compiled(eight, func() { must.M1(Train(t.Context(), c, machineOf(eight), &recorder{})) })
	// Five evaluations compare backbone and projection, the first raw pixels as well: a program for each length of rows; and
	// another for each number of them, as without labels there are fewer.
	if want := map[string]int{"step": 1, "embed": 1, "embed-augmented": 1, "recalibrate": 1, "knn": 5}; !maps.Equal(counts, want) {
		t.Errorf("a run compiles %v, want %v", counts, want)
	}

	c.Run.Dir = filepath.Join(t.TempDir(), "stopped")
	stopped := c.Run.Dir
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Train(ctx, c, machineOf(eight), &recorder{onStep: func(done int) {
		if done == stop {
			cancel()
		}
	}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted", err)
	}
	begin := metricsWithoutTimes(stopped)
	if lines := strings.Count(begin, "\n"); lines != stop+3 {
		t.Fatalf("%d lines of metrics, want %d steps and 3 evaluations:\n%s", lines, stop, begin)
	}
	if all := metricsWithoutTimes(whole); !strings.HasPrefix(all, begin) {
		t.Errorf("a run on eight devices wrote\n%s\nand another one\n%s", all, begin)
	}

	var r recorder
	counts = compiled(one, func() { must.M1(Train(t.Context(), c, machineOf(one), &r)) })
	if want := map[string]int{"step": 1, "embed": 1, "embed-augmented": 1, "knn": 4}; !maps.Equal(counts, want) {
		t.Errorf("the rest of a run compiles %v, want %v", counts, want)
	}
	if !slices.Equal(r.steps, []int{6, 7, steps}) {
		t.Errorf("one device did steps %v, want the three after %d", r.steps, stop)
	}
	if !strings.HasPrefix(metricsWithoutTimes(stopped), begin) {
		t.Error("going on changed the metrics of the steps before")
	}
	got, _ := must.M2(run.ReadMetrics(stopped))
	want, _ := must.M2(run.ReadMetrics(whole))
	if len(got) != steps || len(want) != steps {
		t.Fatalf("%d and %d rows, want %d", len(got), len(want), steps)
	}
	for i := stop; i < steps; i++ {
		if d := math.Abs(float64(got[i].Loss/want[i].Loss - 1)); !(d <= parity.Elsewhere) {
			t.Errorf("step %d: loss %v on one device, %v on eight: relative difference %.2g, want at most %v",
				i+1, got[i].Loss, want[i].Loss, d, parity.Elsewhere)
		}
	}
	d, name := worstTensor(must.M1(checkpoint.Load(stopped)).Tensors, must.M1(checkpoint.Load(whole)).Tensors)
	t.Logf("largest relative difference of a tensor %.2g (%s)", d, name)
	if !(d <= parity.GradientElsewhere) {
		t.Errorf("%s differs by %.2g, want at most %v", name, d, parity.GradientElsewhere)
	}
}
