package tfevents

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// The frame of an empty record and of "abc", as tensorboard.summary.writer.record_writer.RecordWriter 2.21.0 writes them.
func TestRecord(t *testing.T) {
	for data, want := range map[string]string{
		"":    "000000000000000029039807d8ea82a2",
		"abc": "0300000000000000b099490e6162636e57f121",
	} {
		if got := hex.EncodeToString(record([]byte(data))); got != want {
			t.Errorf("%q: %s, want %s", data, got, want)
		}
	}
}

// TensorBoard reads what was written; after a run has gone on from a checkpoint, the newer values of its steps.
func TestTensorBoardReadsIt(t *testing.T) {
	python, err := filepath.Abs("../../../bin/tools/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no bin/tools: make tools")
		}
		t.Skip("no bin/tools: make tools installs TensorBoard")
	}
	dir := filepath.Join(t.TempDir(), "run", "events")
	write := func(first int, steps ...int) {
		w, err := Create(durable.Disk{}, dir, first)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			err := w.Write(step, Scalar{"loss", float64(step) + float64(first)/8}, Scalar{"knn/k=200", 50}, Scalar{"broken", math.NaN()})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(1, 10, 20, 30, 40)
	write(21, 30, 40, 50) // the run was killed after step 40 and went on from 20
	text, err := exec.Command(python, "testdata/read.py", dir).Output()
	if err != nil {
		t.Fatal(err, string(text))
	}
	var got map[string][][2]float64
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	want := map[string][][2]float64{
		"loss":      {{10, 10.125}, {20, 20.125}, {30, 32.625}, {40, 42.625}, {50, 52.625}},
		"knn/k=200": {{10, 50}, {20, 50}, {30, 50}, {40, 50}, {50, 50}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("TensorBoard reads %v, want %v", got, want)
	}
}

func TestCreateErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(durable.Disk{}, filepath.Join(file, "events"), 1); err == nil {
		t.Error("a folder in a file: no error")
	}
	w, err := Create(durable.Disk{}, t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	w.f.Close()
	if err := w.Write(1, Scalar{"a", 1}); err == nil {
		t.Error("a closed file: no error")
	}
}
