package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/durable/durabletest"
)

// sampleFiles are recognisable by step: three types, a scalar, an empty one,
// in an order that is not the one of the file.
func sampleFiles(step int) []File {
	fill := func(n int) []byte {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(7*i + 13*step)
		}
		return data
	}
	return []File{
		{QueueFile, []safetensors.Tensor{
			{Name: "queue_ptr", DType: "U8", Shape: []int{}, Data: fill(1)},
		}},
		{EncodersFile, []safetensors.Tensor{
			{Name: "query/conv1.weight", DType: "F32", Shape: []int{2, 3, 5}, Data: fill(120)},
			{Name: "empty", DType: "BF16", Shape: []int{0, 4}, Data: fill(0)},
			{Name: "count", DType: "I64", Shape: []int{1}, Data: fill(8)},
		}},
		{OptimizerFile, []safetensors.Tensor{
			{Name: "momentum/conv1.weight", DType: "F32", Shape: []int{2}, Data: fill(8)},
		}},
	}
}

// checkpointFiles are the files of the samples.
var checkpointFiles = []string{EncodersFile, OptimizerFile, QueueFile, stateFile, stateSum}

func sampleState(step int) State {
	return State{
		Step: step, Epoch: step / 10, StepInEpoch: step % 10, Seed: 1<<64 - 1,
		Unlogged: json.RawMessage(`1`), Config: json.RawMessage(`{"a":"b"}`), Versions: map[string]string{"mocotpu": "test"},
	}
}

var keepTwo = Keep{Last: 2}

func saveSample(fs durable.FileSystem, dir string, step int) error {
	return Save(fs, dir, sampleFiles(step), sampleState(step), keepTwo, nil)
}

// mustSave writes good checkpoints.
func mustSave(t *testing.T, dir string, steps ...int) {
	t.Helper()
	for _, step := range steps {
		if err := saveSample(durabletest.Good(), dir, step); err != nil {
			t.Fatal(err)
		}
	}
}

// wantStep loads and compares everything with what was saved at one of steps.
func wantStep(t *testing.T, dir string, steps ...int) *Checkpoint {
	t.Helper()
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(steps, c.State.Step) {
		t.Fatalf("loaded step %d, want one of %v (notes %q)", c.State.Step, steps, c.Notes)
	}
	var tensors []safetensors.Tensor
	for _, f := range sampleFiles(c.State.Step) {
		tensors = append(tensors, f.Tensors...)
	}
	if !reflect.DeepEqual(c.Tensors, tensors) {
		t.Fatalf("step %d: tensors %v, want %v", c.State.Step, c.Tensors, tensors)
	}
	want := sampleState(c.State.Step)
	want.Format, want.Tensors = format, sumTensors(sampleFiles(c.State.Step))
	var compact bytes.Buffer
	if err := json.Compact(&compact, c.State.Config); err != nil {
		t.Fatal(err)
	}
	c.State.Config = compact.Bytes()
	if !reflect.DeepEqual(c.State, want) {
		t.Fatalf("step %d: state %+v, want %+v", c.State.Step, c.State, want)
	}
	return c
}

func TestCheckpointRoundTrip(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); !errors.Is(err, ErrNone) {
		t.Fatalf("empty directory: error %v, want ErrNone", err)
	}
	if _, err := Load(filepath.Join(dir, "absent")); !errors.Is(err, ErrNone) {
		t.Fatalf("no directory: error %v, want ErrNone", err)
	}
	for _, step := range []int{0, 10} {
		if err := saveSample(durable.Disk{}, dir, step); err != nil {
			t.Fatal(err)
		}
	}
	if c := wantStep(t, dir, 10); len(c.Notes) > 0 || filepath.Base(c.Dir) != "step-0000010" {
		t.Errorf("dir %s, notes %q, want step-0000010 and none", c.Dir, c.Notes)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "step-0000010"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, checkpointFiles) {
		t.Errorf("files %v, want %v", names, checkpointFiles)
	}
	if err := Save(durable.Disk{}, dir, nil, State{Step: -1}, keepTwo, nil); err == nil {
		t.Error("step -1 was saved")
	}
}

// TestCheckpointSaveTwice: saving again at the step that LAST names leaves an
// intact checkpoint alone and replaces a damaged one.
func TestCheckpointSaveTwice(t *testing.T) {
	dir := t.TempDir()
	mustSave(t, dir, 10, 20)
	idle := &durabletest.Disk{At: 0}
	if err := saveSample(idle, dir, 20); err != nil || idle.Done() > 0 {
		t.Errorf("saving again: error %v after %d operations, want none", err, idle.Done())
	}
	truncate(t, filepath.Join(dir, "step-0000020", EncodersFile), 50)
	mustSave(t, dir, 20)
	if c := wantStep(t, dir, 20); len(c.Notes) > 0 {
		t.Errorf("notes %q, want none", c.Notes)
	}
}

// TestCheckpointFaults breaks the save in every way at each of its operations
// in turn. The old checkpoint or the new one loads every time, a failed save
// says so, and the next one heals the directory.
func TestCheckpointFaults(t *testing.T) {
	for _, fault := range durabletest.Faults() {
		for _, before := range [][]int{{}, {5, 10}} {
			t.Run(fmt.Sprintf("%v after %v", fault, before), func(t *testing.T) {
				for at := 0; ; at++ {
					dir := t.TempDir()
					mustSave(t, dir, before...)
					d := &durabletest.Disk{At: at, Fault: fault}
					err := saveSample(d, dir, 20)
					if !d.Hit() {
						if err != nil {
							t.Fatalf("no fault left, but error %v", err)
						}
						if at < 25 {
							t.Fatalf("only %d operations: the faults do not reach the files", at)
						}
						d.Crash()
						if c := wantStep(t, dir, 20); len(c.Notes) > 0 {
							t.Fatalf("a crash after the save: notes %q", c.Notes)
						}
						return
					}
					operation := d.Operations()[at]
					if !errors.Is(err, fault.Err()) {
						t.Fatalf("at %d, %s: error %v, want it reported", at, operation, err)
					}
					if _, err := Load(dir); len(before) > 0 || !errors.Is(err, ErrNone) {
						wantStep(t, dir, 10, 20)
					}
					mustSave(t, dir, 20)
					if c := wantStep(t, dir, 20); len(c.Notes) > 0 {
						t.Fatalf("at %d, %s, saved again: notes %q", at, operation, c.Notes)
					}
				}
			})
		}
	}
}

// TestCheckpointTruncated cuts each file of the newest checkpoint at every
// length: the one before is used, and the user told.
func TestCheckpointTruncated(t *testing.T) {
	for _, name := range checkpointFiles {
		dir := t.TempDir()
		mustSave(t, dir, 10, 20)
		path := filepath.Join(dir, "step-0000020", name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lengths := len(whole)
		if name == stateSum {
			lengths = 64 // the name after the sum is for sha256sum only
		}
		for length := range lengths {
			if err := os.WriteFile(path, whole[:length], 0o644); err != nil {
				t.Fatal(err)
			}
			if c := wantStep(t, dir, 10); len(c.Notes) != 2 || !strings.Contains(c.Notes[0], "step-0000020 is damaged") {
				t.Fatalf("%s cut to %d of %d: notes %q", name, length, len(whole), c.Notes)
			}
		}
	}
}

// TestCheckpointBitFlips flips one bit of every byte of every file.
func TestCheckpointBitFlips(t *testing.T) {
	dir := t.TempDir()
	mustSave(t, dir, 10)
	for _, name := range checkpointFiles {
		path := filepath.Join(dir, "step-0000010", name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			if name == stateSum && i >= 64 {
				break
			}
			spoilt := bytes.Clone(whole)
			spoilt[i] ^= 1 << (i % 8)
			if err := os.WriteFile(path, spoilt, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir)
			if err == nil {
				// A header may differ where it says the same, as in its padding;
				// state.json may not.
				wantStep(t, dir, 10)
				if name == stateFile || name == stateSum {
					t.Fatalf("%s: byte %d changed and loaded", name, i)
				}
			} else if !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s: byte %d changed: error %v, want ErrDamaged", name, i, err)
			}
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheckpointFallsBack covers LAST itself, and checkpoints that are gone.
func TestCheckpointFallsBack(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string) error
		want  int    // 0 for an error
		note  string // part of the notes, or of the error
	}{
		{"LAST is gone", func(t *testing.T, dir string) error { return os.Remove(filepath.Join(dir, lastFile)) }, 20, "LAST cannot be used"},
		{"LAST is empty", func(t *testing.T, dir string) error { return os.Truncate(filepath.Join(dir, lastFile), 0) }, 20, `LAST says ""`},
		{"LAST names nothing", func(t *testing.T, dir string) error {
			return os.WriteFile(filepath.Join(dir, lastFile), []byte("step-0000030\n"), 0o644)
		}, 20, "step-0000030 is damaged"},
		{"LAST names an older one", func(t *testing.T, dir string) error {
			return os.WriteFile(filepath.Join(dir, lastFile), []byte("step-0000010\n"), 0o644)
		}, 10, ""},
		{"the older one is damaged, too", func(t *testing.T, dir string) error {
			truncate(t, filepath.Join(dir, "step-0000010", stateFile), 3)
			return os.WriteFile(filepath.Join(dir, lastFile), []byte("step-0000010\n"), 0o644)
		}, 20, "going on from step-0000020"},
		{"the newest is gone", func(t *testing.T, dir string) error { return os.RemoveAll(filepath.Join(dir, "step-0000020")) }, 10, "going on from step-0000010"},
		{"a tensor file is gone", func(t *testing.T, dir string) error {
			return os.Remove(filepath.Join(dir, "step-0000020", OptimizerFile))
		}, 10, "step-0000020 is damaged"},
		{"all are damaged", func(t *testing.T, dir string) error {
			truncate(t, filepath.Join(dir, "step-0000010", QueueFile), 9)
			truncate(t, filepath.Join(dir, "step-0000020", OptimizerFile), 9)
			return nil
		}, 0, "step-0000010 is damaged"},
		{"all are gone but LAST", func(t *testing.T, dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "step-0000010")), os.RemoveAll(filepath.Join(dir, "step-0000020")))
		}, 0, "step-0000020 is damaged"},
		{"a format to come", func(t *testing.T, dir string) error {
			text := []byte(`{"format": 3}`)
			path := filepath.Join(dir, "step-0000020")
			return errors.Join(os.WriteFile(filepath.Join(path, stateFile), text, 0o644),
				os.WriteFile(filepath.Join(path, stateSum), []byte(hexSum(text)), 0o644))
		}, 0, "format 3, want 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			mustSave(t, dir, 10, 20)
			if err := tt.spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			if tt.want == 0 {
				_, err := Load(dir)
				if err == nil || !strings.Contains(err.Error(), tt.note) {
					t.Fatalf("error %v, want %q", err, tt.note)
				}
				if damaged := tt.name != "a format to come"; errors.Is(err, ErrDamaged) != damaged {
					t.Errorf("error %v: ErrDamaged is %v, want %v", err, !damaged, damaged)
				}
				return
			}
			c := wantStep(t, dir, tt.want)
			if got := strings.Join(c.Notes, "\n"); !strings.Contains(got, tt.note) || tt.note == "" && got != "" {
				t.Errorf("notes %q, want %q", got, tt.note)
			}
		})
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}
