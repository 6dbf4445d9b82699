package train

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
)

// TestDeviceFailsOnce: after a failure in any step, or in an evaluation, the run goes on from its last checkpoint, or
// from its beginning, and ends as if nothing had been.
func TestDeviceFailsOnce(t *testing.T) {
	want := undisturbed(t, tiny(""))
	for _, test := range []struct {
		program string
		run     int
		from    int // the step it goes on from; checkpoints are at 2, 4, 6 and 8
	}{
		{"step", 1, 0},
		{"step", 2, 0},
		{"step", 3, 2},
		{"step", 6, 4},
		{"step", 8, 6},
		{"embed", 1, 0},  // before training
		{"embed", 16, 4}, // after the first epoch
		{"embed-augmented", 9, 4},
	} {
		t.Run(fmt.Sprintf("%s %d", test.program, test.run), func(t *testing.T) {
			c := tiny(t.TempDir())
			m, device := brokenMachine(t)
			device.fails = func(program string, run int) bool { return program == test.program && run == test.run }
			var r recorder
			if _, err := Train(t.Context(), c, m, &r); err != nil {
				t.Fatal(err)
			}
			note, notes := fmt.Sprintf("injected device failure; going on from step %d", test.from), strings.Join(r.notes, "\n")
			if strings.Count(notes, note) != 1 {
				t.Errorf("notes %q, want once %q", notes, note)
			}
			wantSameRun(t, c.Run.Dir, want)
		})
	}
}

// TestDeviceFailsForGood: a second failure before the next checkpoint ends the run, whose last checkpoint stays good.
func TestDeviceFailsForGood(t *testing.T) {
	want := undisturbed(t, tiny(""))
	c := tiny(t.TempDir())
	m, _ := brokenMachine(t, 4, 5) // steps 4 and then 3, from the checkpoint of step 2
	result, err := Train(t.Context(), c, m, &recorder{})
	if !errors.Is(err, errDevice) || !strings.Contains(err.Error(), "step 3") || !strings.Contains(err.Error(), "second time since the last checkpoint") {
		t.Fatalf("error %v after %d steps, want the failure of step 3 and that it is the second", err, result.Steps)
	}
	if saved := must.M1(checkpoint.Load(c.Run.Dir)); saved.State.Step != 2 {
		t.Errorf("the checkpoint is that of step %d, want 2", saved.State.Step)
	}
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
		t.Fatal(err)
	}
	wantSameRun(t, c.Run.Dir, want)
}

// TestDeviceFailsNowAndThen: a checkpoint between two failures makes the second a first one again.
func TestDeviceFailsNowAndThen(t *testing.T) {
	want := undisturbed(t, tiny(""))
	c := tiny(t.TempDir())
	m, device := brokenMachine(t, 3, 6, 9)
	if _, err := Train(t.Context(), c, m, &recorder{}); err != nil {
		t.Fatal(err)
	}
	if device.runs["step"] < 11 {
		t.Errorf("%d runs of the step, want the 8 of the run and those that were lost", device.runs["step"])
	}
	wantSameRun(t, c.Run.Dir, want)
}
