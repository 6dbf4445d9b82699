package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// undisturbed runs a configuration from beginning to end in a directory of its own, which it returns.
func undisturbed(t *testing.T, c run.Config) string {
	t.Helper()
	c.Run.Dir = t.TempDir()
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
		t.Fatal(err)
	}
	return c.Run.Dir
}

// wantSameRun compares two finished runs bit for bit: the state, and all rows but for what the clock decides.
func wantSameRun(t *testing.T, got, want string) {
	t.Helper()
	gotRows, gotKNN := timeless(must.M2(run.ReadMetrics(got)))
	wantRows, wantKNN := timeless(must.M2(run.ReadMetrics(want)))
	if !reflect.DeepEqual(gotRows, wantRows) || !reflect.DeepEqual(gotKNN, wantKNN) {
		t.Fatalf("metrics\n%+v\n%+v\nwant those of the undisturbed run\n%+v\n%+v", gotRows, gotKNN, wantRows, wantKNN)
	}
	a, b := must.M1(checkpoint.Load(got)), must.M1(checkpoint.Load(want))
	if len(a.Notes) > 0 || a.State.Step != b.State.Step || len(a.Tensors) != len(b.Tensors) {
		t.Fatalf("checkpoint of step %d with %d tensors, notes %q, want step %d with %d, and none",
			a.State.Step, len(a.Tensors), a.Notes, b.State.Step, len(b.Tensors))
	}
	for i, tensor := range b.Tensors {
		if !slices.Equal(a.Tensors[i].Data, tensor.Data) {
			t.Fatalf("%s differs from the undisturbed run's", tensor.Name)
		}
	}
}

// TestResumeIsExact interrupts a run after each of its steps, also between two rows of metrics, and goes on.
func TestResumeIsExact(t *testing.T) {
	want := undisturbed(t, tiny(""))
	for stop := 1; stop < 8; stop++ {
		c := tiny(t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		first := recorder{onStep: func(done int) {
			if done == stop {
				cancel()
			}
		}}
		result, err := Train(ctx, c, goMachine(t), &first)
		if !errors.Is(err, ErrInterrupted) || result.Steps != stop {
			t.Fatalf("%d steps and error %v, want ErrInterrupted after the step in flight, %d", result.Steps, err, stop)
		}
		var second recorder
		if _, err := Train(t.Context(), c, goMachine(t), &second); err != nil {
			t.Fatal(err)
		}
		if second.steps[0] != stop+1 {
			t.Errorf("the run went on with step %d, want %d", second.steps[0], stop+1)
		}
		wantSameRun(t, c.Run.Dir, want)
	}
}

// TestInterruptedEvaluation: an evaluation that the context ends is made up for.
func TestInterruptedEvaluation(t *testing.T) {
	want := undisturbed(t, tiny(""))
	for evaluation := range 2 {
		c := tiny(t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		_, err := Train(ctx, c, goMachine(t), &recorder{onStage: func(what string) {
			if what == "judging the encoder" {
				if seen++; seen > evaluation {
					cancel()
				}
			}
		}})
		if !errors.Is(err, ErrInterrupted) {
			t.Fatalf("error %v, want ErrInterrupted", err)
		}
		if _, knn, err := run.ReadMetrics(c.Run.Dir); err != nil || len(knn) != evaluation {
			t.Fatalf("%d evaluations, error %v, want %d: the last was interrupted", len(knn), err, evaluation)
		}
		if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
			t.Fatal(err)
		}
		wantSameRun(t, c.Run.Dir, want)
	}
}

// TestFinishedRunSaysSo: there is nothing to do, so nothing is compiled or written; more epochs go on.
func TestFinishedRunSaysSo(t *testing.T) {
	c := tiny("")
	c.KNN.Every = 0
	c.Run.Dir = undisturbed(t, c)
	var again recorder
	result, err := Train(t.Context(), c, goMachine(t), &again)
	if err != nil || result.Steps != 8 || result.Saving.Checkpoints != 0 {
		t.Errorf("result %+v, error %v, want the 8 steps of the run and no checkpoint", result, err)
	}
	if !strings.Contains(strings.Join(again.notes, "\n"), "the run has ended after 8 steps; raise --epochs") {
		t.Errorf("notes %q, want that the run has ended", again.notes)
	}
	if slices.Contains(again.stages, "compiling the step") {
		t.Errorf("stages %q, want nothing compiled", again.stages)
	}
	c.Run.Epochs = 3
	if result, err = Train(t.Context(), c, goMachine(t), &recorder{}); err != nil || result.Steps != 12 {
		t.Errorf("result %+v, error %v, want 12 steps", result, err)
	}
}

// TestBeginsAnew: a directory in which no step was done takes another configuration, and what was judged there is dropped.
func TestBeginsAnew(t *testing.T) {
	c := tiny(t.TempDir())
	first := must.M1(run.OpenDir(durable.Disk{}, c.Run.Dir))
	must.M(first.SaveRecord(run.Record{Config: c, DataSHA256: "another"}))
	rows := must.M1(first.Metrics(0))
	must.M(rows.Write(run.KNNRow{Queries: 12345}))
	must.M(rows.Close())
	must.M(first.Close())
	c.Optim.LR /= 2
	var r recorder
	if _, err := Train(t.Context(), c, goMachine(t), &r); err != nil {
		t.Fatal(err)
	}
	record := must.M1(run.ReadRecord(c.Run.Dir))
	_, knn, err := run.ReadMetrics(c.Run.Dir)
	must.M(err)
	if record.Optim.LR != c.Optim.LR || knn[0].Queries == 12345 || knn[0].Step != 0 || !strings.Contains(strings.Join(r.notes, "\n"), "it begins anew") {
		t.Errorf("rate %g, first judged %+v, notes %q: want those of the run that was asked for", record.Optim.LR, knn[0], r.notes)
	}
	c.Optim.LR *= 2
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); !errors.Is(err, run.ErrIncompatible) {
		t.Errorf("error %v, want one: steps were done", err)
	}
}

// Steps beyond the epochs are told of, and what ended a run is what is to be raised.
func TestStepsBeyondEpochs(t *testing.T) {
	c := tiny(t.TempDir())
	c.KNN.Every, c.Run.Steps = 0, 3
	must.M1(Train(t.Context(), c, goMachine(t), nil))
	var again, more recorder
	must.M1(Train(t.Context(), c, goMachine(t), &again))
	if notes := strings.Join(again.notes, "\n"); !strings.Contains(notes, "ended after 3 steps; raise --steps") {
		t.Errorf("notes %q, want --steps", notes)
	}
	c.Run.Steps = 20
	must.M1(Train(t.Context(), c, goMachine(t), &more))
	if notes := strings.Join(more.notes, "\n"); !strings.Contains(notes, "--steps is 20: the run ends before, after the 8 steps of --epochs=2") {
		t.Errorf("notes %q, want that --epochs ends it", notes)
	}
}

// TestResumeRefusesOtherImages: the files of the data set changed under the run.
func TestResumeRefusesOtherImages(t *testing.T) {
	c := tiny(t.TempDir())
	c.KNN.Every, c.Run.Steps = 0, 2
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil {
		t.Fatal(err)
	}
	record := must.M1(run.ReadRecord(c.Run.Dir))
	if len(record.DataSHA256) != 64 || record.Versions["test"] != "1" || record.Engine.Devices != 0 {
		t.Errorf("config.json has %+v, want the data's checksum, the versions and the devices as they were asked for", record)
	}
	path := filepath.Join(c.Run.Dir, run.ConfigFile)
	text := strings.Replace(string(must.M1(os.ReadFile(path))), record.DataSHA256, strings.Repeat("0", 64), 1)
	must.M(os.WriteFile(path, []byte(text), 0o644))
	if _, err := Train(t.Context(), c, goMachine(t), &recorder{}); !errors.Is(err, run.ErrIncompatible) || !strings.Contains(err.Error(), "data_sha256: 000000000000, now") {
		t.Errorf("error %v, want ErrIncompatible and the checksums", err)
	}
}

// TestKeepsTheBest: an evaluation that is better than all before makes a checkpoint, which stays.
func TestKeepsTheBest(t *testing.T) {
	c := tiny(t.TempDir())
	c.Run.Epochs, c.Run.CheckpointEvery = 5, 1000
	c.Run.Keep = checkpoint.Keep{Last: 1, Best: true}
	result, err := Train(t.Context(), c, goMachine(t), &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	best := result.KNN[1]
	saves := map[int]bool{20: true}
	for _, row := range result.KNN[1:] {
		if row.Headline() > best.Headline() || row.Step == best.Step {
			best, saves[row.Step] = row, true
		}
	}
	want := []int{best.Step, 20}
	if got, err := checkpoint.Steps(c.Run.Dir); err != nil || !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("kept %v, error %v, want the best of %v and the last: %v", got, err, result.KNN, want)
	}
	if result.Saving.Checkpoints != len(saves) {
		t.Errorf("%d checkpoints written, want one for each better evaluation and the end: %v", result.Saving.Checkpoints, saves)
	}
}
