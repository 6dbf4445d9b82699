package train

import (
	"errors"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable/durabletest"
)

// TestDiskFaults breaks the disk of a run at one operation in eleven.
func TestDiskFaults(t *testing.T) { breakDisk(t, 11) }

// breakDisk breaks the disk of a run at every so many of its operations, in every way. The run says so and ends, a
// checkpoint that was written stays, and when the disk is well again the run goes on as if nothing had been.
func breakDisk(t *testing.T, stride int) {
	c := tiny("")
	c.KNN.Every, c.Run.Epochs, c.Run.LogEvery = 0, 1, 1
	want := undisturbed(t, c)
	for _, fault := range durabletest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			faults := 0
			for at := int(fault) % stride; ; at += stride {
				c.Run.Dir = t.TempDir()
				disk := &durabletest.Disk{At: at, Fault: fault}
				result, err := train(t.Context(), c, goMachine(t), &recorder{}, disk)
				if !disk.Hit() {
					if err != nil {
						t.Fatalf("no fault left, but error %v", err)
					}
					break
				}
				faults++
				operation := disk.Operations()[at]
				if !errors.Is(err, fault.Err()) {
					t.Fatalf("at %d, %s: error %v, want it reported", at, operation, err)
				}
				saved, err := checkpoint.Load(c.Run.Dir)
				if promised := 2 * result.Saving.Checkpoints; promised > 0 && (err != nil || saved.State.Step < promised) {
					t.Fatalf("at %d, %s: checkpoint %+v, error %v, want step %d or a later one", at, operation, saved, err, promised)
				}
				if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
					t.Fatalf("at %d, %s: going on: %v", at, operation, err)
				}
				wantSameRun(t, c.Run.Dir, want)
			}
			if faults*stride < 60 {
				t.Errorf("%d faults, %d operations apart: they do not reach the checkpoints", faults, stride)
			}
			t.Logf("%d faults survived", faults)
		})
	}
}

// TestDiskFullNamesTheCause: the error of the background write reaches the user with the step and the disk's words.
func TestDiskFullNamesTheCause(t *testing.T) {
	c := tiny(t.TempDir())
	c.KNN.Every = 0
	disk := durabletest.Good()
	if _, err := train(t.Context(), c, goMachine(t), &recorder{}, disk); err != nil {
		t.Fatal(err)
	}
	for at, operation := range disk.Operations() {
		if !strings.Contains(operation, "write") || !strings.Contains(operation, checkpoint.EncodersFile) {
			continue
		}
		c.Run.Dir = t.TempDir()
		_, err := train(t.Context(), c, goMachine(t), &recorder{}, &durabletest.Disk{At: at, Fault: durabletest.Full})
		if err == nil || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), "checkpoint: save step") {
			t.Errorf("error %v, want that the disk is full and which checkpoint it was", err)
		}
		return
	}
	t.Fatal("no write of the encoders")
}
