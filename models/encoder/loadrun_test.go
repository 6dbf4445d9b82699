package encoder_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/models/train"
)

// trainedRun trains a tiny encoder for four steps, with checkpoints after two and four.
func trainedRun(t *testing.T) string {
	t.Helper()
	c := run.Glyphs()
	c.Data.TrainImages = 70
	c.Encoder.Width, c.Encoder.Dim = 2, 8
	c.Views.ImageSize = 16
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 16, 2, 40
	c.KNN.Every = 0
	c.Run.Epochs, c.Run.CheckpointEvery, c.Run.Dir = 1, 2, t.TempDir()
	m := train.Machine{Backend: engines.Go(t), Devices: 1, Versions: map[string]string{"test": "1"}}
	if _, err := train.Train(t.Context(), c, m, nil); err != nil {
		t.Fatal(err)
	}
	return c.Run.Dir
}

// A run directory gives the query encoder of the newest good checkpoint, and says so when that is not the newest.
func TestLoadRun(t *testing.T) {
	dir := trainedRun(t)
	check := func(step, notes int) {
		t.Helper()
		w, err := encoder.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		saved, err := checkpoint.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if w.Manifest.Source.Step != step || saved.State.Step != step || len(w.Notes) != notes {
			t.Fatalf("step %d of %d, notes %q, want step %d and %d notes", w.Manifest.Source.Step, saved.State.Step, w.Notes, step, notes)
		}
		found := 0
		for _, tensor := range saved.Tensors {
			name, ok := strings.CutPrefix(tensor.Name, "query/")
			if !ok {
				continue
			}
			found++
			if data, err := binary.Append(nil, binary.LittleEndian, w.Values[name]); err != nil || !bytes.Equal(data, tensor.Data) {
				t.Errorf("%s differs from the checkpoint (error %v)", name, err)
			}
		}
		if found != len(w.Values) {
			t.Errorf("%d query tensors in the checkpoint, %d loaded", found, len(w.Values))
		}
		n, in := w.Manifest.Network, w.Manifest.Input
		if n.Arch != "resnet10" || n.Width != 2 || n.Features != 16 || n.Projection != 8 || n.Head != resnet.HeadLinear {
			t.Errorf("network %+v", n)
		}
		if half := [3]float64{0.5, 0.5, 0.5}; in.ImageSize != 16 || in.Mean != half || in.Std != half {
			t.Errorf("input %+v, want the glyphs' normalisation", in)
		}
		if s := w.Manifest.Source; s.Preset != "glyphs" || s.Data != "glyphs" || s.Versions["test"] != "1" {
			t.Errorf("source %+v", s)
		}
	}
	check(4, 0)
	files, err := filepath.Glob(filepath.Join(dir, "step-0000004", "*.safetensors"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, error %v, want a checkpoint of step 4", files, err)
	}
	if err := os.Truncate(files[0], 100); err != nil {
		t.Fatal(err)
	}
	check(2, 2)
	if _, err := encoder.Load(t.TempDir()); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("an empty folder: error %v, want ErrNone", err)
	}
}
