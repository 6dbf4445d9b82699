package train

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable/durabletest"
)

// withBroken is a run of five steps on a folder of images, one of which is broken: it writes every file that a run may have.
func withBroken(t *testing.T) run.Config {
	dir := imageNet(t, 120, 0)
	must.M(os.Truncate(filepath.Join(dir, "train", "class_00", "img_000004.JPEG"), 300))
	c := tinyFolder(t, dir)
	c.MoCo.Batch = 24
	c.KNN.Every, c.Run.LogEvery = 0, 1
	return c
}

// TestDiskSeesEveryWrite: no file of a run comes into being, or grows, around the file system that the tests break. The
// lock alone does: it is a descriptor, and what it says is lost without harm.
func TestDiskSeesEveryWrite(t *testing.T) {
	c, disk := withBroken(t), durabletest.Good()
	events := &TensorBoard{Reporter: &recorder{}, Dir: filepath.Join(c.Run.Dir, "events"), Disk: disk}
	if _, err := train(t.Context(), c, goMachine(t), events, disk); err != nil {
		t.Fatal(err)
	}
	must.M(events.Close())
	operations := strings.Join(disk.Operations(), "\n")
	found := map[string]bool{}
	must.M(filepath.WalkDir(c.Run.Dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found[entry.Name()], found[filepath.Base(filepath.Dir(name))] = true, true
		if !strings.Contains(operations, entry.Name()) && entry.Name() != "LOCK" {
			t.Errorf("%s was written around the file system", name)
		}
		return nil
	}))
	for _, want := range []string{run.BrokenFile, run.MetricsFile, run.ConfigFile, checkpoint.EncodersFile, "LOCK", "events"} {
		if !found[want] {
			t.Errorf("the run has no %s", want)
		}
	}
}

// TestDiskFaults breaks the disk of a run at one operation in eleven.
func TestDiskFaults(t *testing.T) { breakDisk(t, 11) }

// breakDisk breaks the disk of a run at every so many of its operations, in every way. The run says so and ends, a
// checkpoint that was written stays, and when the disk is well again the run goes on as if nothing had been.
func breakDisk(t *testing.T, stride int) {
	c := withBroken(t)
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
				if promised := min(2*result.Saving.Checkpoints, 5); promised > 0 && (err != nil || saved.State.Step < promised) {
					t.Fatalf("at %d, %s: error %v, or an earlier checkpoint, want that of step %d or a later one", at, operation, err, promised)
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
