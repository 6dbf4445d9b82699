package train

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
)

// stopper is a Reporter that ends the run's context at a stage.
type stopper struct {
	recorder
	at   string
	stop func()
}

func (s *stopper) Stage(what string) {
	if what == s.at {
		s.stop()
	}
}

// A run may be stopped before everything is compiled, and goes on like any other.
func TestInterruptedWhileCompiling(t *testing.T) {
	for _, at := range []string{"reading glyphs", "compiling the step", "compiling the encoder", "judging the encoder"} {
		c := tiny(t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Train(ctx, c, goMachine(t), &stopper{at: at, stop: cancel})
		if !errors.Is(err, ErrInterrupted) {
			t.Fatalf("stopped at %q: error %v, want ErrInterrupted", at, err)
		}
		c.Run.Steps = 1
		if result, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil || result.Steps != 1 || len(result.KNN) != 2 {
			t.Errorf("stopped at %q, gone on: %d steps, evaluations %v, error %v, want one step and two", at, result.Steps, result.KNN, err)
		}
	}
}

// A run that is asked to be shorter than it is already has nothing to do but what is due at an end.
func TestShorterThanDone(t *testing.T) {
	c := tiny(t.TempDir())
	c.KNN.Every = 0
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
		t.Fatal(err)
	}
	c.Run.Epochs, c.KNN.Every = 1, 1
	result, err := Train(t.Context(), c, goMachine(t), &recorder{})
	if err != nil || result.Steps != 8 || len(result.KNN) != 1 {
		t.Errorf("%d steps, evaluations %v, error %v, want the 8 done, and one", result.Steps, result.KNN, err)
	}
}

// Without config.json the checkpoint still knows what the run was.
func TestLostConfigIsCompared(t *testing.T) {
	c := tiny(t.TempDir())
	c.Run.Steps = 2
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.Run.Dir, run.ConfigFile)); err != nil {
		t.Fatal(err)
	}
	other := c
	other.MoCo.Temperature = 0.5
	_, err := Train(t.Context(), other, goMachine(t), &recorder{})
	if !errors.Is(err, run.ErrIncompatible) || !strings.Contains(err.Error(), "moco.temperature") {
		t.Errorf("another temperature: error %v, want ErrIncompatible with its name", err)
	}
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
		t.Errorf("the same configuration: %v", err)
	}
	if saved, err := run.ReadRecord(c.Run.Dir); err != nil || saved.MoCo.Temperature != c.MoCo.Temperature {
		t.Errorf("config.json is %+v, error %v, want it back", saved.MoCo, err)
	}
}

// What was asked for is saved, not what this machine made of it: the run may go on on another engine.
func TestAutomaticDevicesStayAutomatic(t *testing.T) {
	c := tiny(t.TempDir())
	c.Run.Steps, c.KNN.Every = 1, 0
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
		t.Fatal(err)
	}
	if saved, err := run.ReadRecord(c.Run.Dir); err != nil || saved.Engine.Devices != 0 {
		t.Errorf("config.json has %d devices, error %v, want 0, automatic", saved.Engine.Devices, err)
	}
}

// The evaluation finds what the steps did not: it is the run that diverged, no device failed.
func TestDivergedBeforeTheEvaluation(t *testing.T) {
	c := tiny(t.TempDir())
	c.Data.TrainImages, c.Optim.LR = 16, 1e30
	_, err := Train(t.Context(), c, goMachine(t), &recorder{})
	if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "evaluation after step 1: diverged: a feature is not finite") {
		t.Errorf("error %v, want ErrDiverged, of the evaluation", err)
	}
}

// Steps of an earlier process are in a row's means, and not in its throughput.
func TestThroughputIsThisProcesss(t *testing.T) {
	var values moco.Figures
	values[moco.FigureLoss] = 3
	var before figures
	before.add(values, 0)
	before.add(values, 0)
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after figures
	if err := json.Unmarshal(text, &after); err != nil {
		t.Fatal(err)
	}
	values[moco.FigureLoss] = 6
	after.begin = time.Unix(100, 0)
	after.add(values, time.Second)
	c := tiny("")
	row := after.row(c, time.Unix(104, 0))
	if row.Loss != 4 || row.Time.ImagesPerSecond != run.Float(c.MoCo.Batch)/4 || row.Time.DataWait != 0.25 {
		t.Errorf("loss %v at %v images/s, waiting %v, want 4, %v and 0.25", row.Loss, row.Time.ImagesPerSecond, row.Time.DataWait,
			run.Float(c.MoCo.Batch)/4)
	}
}
