package train

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	_ "github.com/gomlx/compute/gobackend"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
)

// tiny is a run of two epochs of four steps that the Go engine does in seconds.
func tiny(dir string) run.Config {
	c := run.Glyphs()
	c.Preset = ""
	c.Data.TrainImages, c.Data.TestImages = 70, 62
	c.Encoder.Width, c.Encoder.Dim = 2, 8
	c.Views.ImageSize = 8
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 16, 2, 40
	c.KNN.Ks = []int{1, 5}
	c.Run.Epochs, c.Run.LogEvery, c.Run.CheckpointEvery = 2, 2, 2
	c.Run.Dir = dir
	return c
}

func goMachine(t testing.TB) Machine {
	return Machine{Backend: engines.Go(t), Devices: 1, Versions: map[string]string{"test": "1"}}
}

// recorder is a Reporter that keeps what it is told, and may act on a step.
type recorder struct {
	notes   []string
	stages  []string
	steps   []int
	rows    []run.Row
	knn     []run.KNNRow
	onStage func(what string)
	onStep  func(done int)
}

func (r *recorder) Note(text string) { r.notes = append(r.notes, text) }
func (r *recorder) Stage(what string) {
	r.stages = append(r.stages, what)
	if r.onStage != nil {
		r.onStage(what)
	}
}
func (r *recorder) Row(row run.Row)    { r.rows = append(r.rows, row) }
func (r *recorder) KNN(row run.KNNRow) { r.knn = append(r.knn, row) }
func (r *recorder) Step(done, total int) {
	r.steps = append(r.steps, done)
	if r.onStep != nil {
		r.onStep(done)
	}
}

// timeless drops what the clock decides.
func timeless(rows []run.Row, knn []run.KNNRow) ([]run.Row, []run.KNNRow) {
	rows, knn = slices.Clone(rows), slices.Clone(knn)
	for i := range rows {
		rows[i].Time = run.Time{}
	}
	for i := range knn {
		knn[i].Seconds = 0
	}
	return rows, knn
}

func TestTrainWritesWhatItPromises(t *testing.T) {
	c := tiny(t.TempDir())
	var r recorder
	result, err := Train(t.Context(), c, goMachine(t), &r)
	if err != nil {
		t.Fatal(err)
	}
	if result.Steps != 8 || result.Epochs != 2 {
		t.Errorf("%d steps in %d epochs, want 8 in 2", result.Steps, result.Epochs)
	}
	rows, knn, err := run.ReadMetrics(c.Run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(rows, r.rows) || !reflect.DeepEqual(knn, r.knn) {
		t.Errorf("metrics.jsonl holds %v and %v, the reporter was told %v and %v", rows, knn, r.rows, r.knn)
	}
	if len(rows) != 4 || len(knn) != 3 {
		t.Fatalf("%d rows and %d evaluations, want 4 and 3", len(rows), len(knn))
	}
	if len(knn[0].Pixels) != 2 || len(knn[1].Pixels) != 0 {
		t.Errorf("pixels are judged in %v and %v, want before training only", knn[0].Pixels, knn[1].Pixels)
	}
	for i, fill := range []float64{0.8, 1, 1, 1} {
		if got := float64(rows[i].QueueFill); got != fill {
			t.Errorf("row %d: queue fill %v, want %v", i, got, fill)
		}
	}
	if rows[0].LR != 0.06 || rows[3].LR != 0.03 {
		t.Errorf("learning rates %v and %v, want the cosine's 0.06 and 0.03", rows[0].LR, rows[3].LR)
	}
	for i, row := range rows {
		if !row.Loss.Finite() || row.Loss <= 0 || row.GradNorm <= 0 || row.Positive > 1 || row.Spread <= 0 {
			t.Errorf("row %d is not that of a step: %+v", i, row)
		}
	}
	saved, err := checkpoint.Load(c.Run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if saved.State.Step != 8 || saved.State.Epoch != 2 || saved.State.StepInEpoch != 0 {
		t.Errorf("the checkpoint stands at %+v, want step 8", saved.State)
	}
}

func TestTrainRefusesBeforeItWrites(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*run.Config)
		want   string
	}{
		"config": {func(c *run.Config) { c.MoCo.Batch = 15 }, "moco.batch"},
		"data":   {func(c *run.Config) { c.Data.TrainImages = 10 }, "10 training images"},
		"files":  {func(c *run.Config) { c.Data = dataset.Config{Kind: "mnist", Dir: t.TempDir()} }, "mocotpu data get mnist"},
	} {
		t.Run(name, func(t *testing.T) {
			c := tiny(filepath.Join(t.TempDir(), "run"))
			test.change(&c)
			_, err := Train(t.Context(), c, goMachine(t), &recorder{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
			if _, err := os.Stat(c.Run.Dir); !os.IsNotExist(err) {
				t.Errorf("the run directory exists (%v), want nothing written", err)
			}
		})
	}
}

// TestEvaluationLeavesTheRunAlone trains with and without looking.
func TestEvaluationLeavesTheRunAlone(t *testing.T) {
	var states [2][]safetensors.Tensor
	for i, every := range []int{0, 1} {
		c := tiny(t.TempDir())
		c.KNN.Every, c.Run.Epochs = every, 1
		if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
			t.Fatal(err)
		}
		states[i] = must.M1(checkpoint.Load(c.Run.Dir)).Tensors
	}
	for i := range states[0] {
		if !slices.Equal(states[0][i].Data, states[1][i].Data) {
			t.Errorf("%s differs when the run is evaluated", states[0][i].Name)
		}
	}
}
