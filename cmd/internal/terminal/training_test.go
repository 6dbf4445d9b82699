package terminal

import (
	"bytes"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
)

// What a part of a run was not told it does not print.
func TestTrainingInTheMiddle(t *testing.T) {
	var out bytes.Buffer
	r := NewTraining(&out, io.Discard, false, new(atomic.Bool))
	at := func(step, k int, percent run.Float) run.KNNRow {
		return run.KNNRow{Step: step, Epoch: step / 4, K: []int{k}, Backbone: []run.Float{percent}, Queries: 62}
	}
	r.KNN(at(4, 5, 20))
	if text := out.String(); strings.Contains(text, "loss") || !strings.Contains(text, "k=5 20.0%") {
		t.Errorf("before the first row it prints %q, want the accuracies alone", text)
	}
	for _, test := range []struct {
		first run.KNNRow
		want  string
	}{
		{at(0, 5, 10), "k=5): untrained 10.0%, after 2 epochs 30.0%"},
		{at(0, 20, 10), "k=5): after 2 epochs 30.0%"}, // not comparable
		{at(4, 5, 10), "k=5): after 2 epochs 30.0%"},  // not untrained
	} {
		out.Reset()
		r.End(run.Config{}, train.Result{KNN: []run.KNNRow{test.first, at(8, 5, 30)}})
		if text := out.String(); !strings.Contains(text, test.want) {
			t.Errorf("it sums up %q, want %q", text, test.want)
		}
	}
}

// What is judged by a sample is told with its interval, which is Wilson's.
func TestTrainingSampled(t *testing.T) {
	var out bytes.Buffer
	r := NewTraining(&out, io.Discard, false, new(atomic.Bool))
	first := run.KNNRow{K: []int{1, 5}, Backbone: []run.Float{20, 50}, Pixels: []run.Float{30, 90}, Queries: 2048, Bank: 12288}
	r.KNN(first)
	if text := out.String(); strings.Contains(text, "interval") {
		t.Errorf("of all images it prints\n%s", text)
	}
	out.Reset()
	first.Sample = true
	r.KNN(first)
	const want = "raw pixels  kNN k=1 30.0%  k=5 90.0% (95 % interval 88.6 to 91.2: of 2048 held-out images)\n" +
		"untrained   kNN k=1 20.0%  k=5 50.0% (95 % interval 47.8 to 52.2: of 2048 held-out images, searched in 12288)\n"
	if out.String() != want {
		t.Errorf("it prints\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	last := run.KNNRow{Step: 8, Epoch: 2, K: first.K, Backbone: []run.Float{60, 70}, Queries: 10000, Bank: 60000}
	r.End(run.Config{}, train.Result{KNN: []run.KNNRow{first, last}})
	if text := out.String(); !strings.Contains(text, "on 10000 held-out images") || !strings.Contains(text, "before training, on 2048 of the images") {
		t.Errorf("it sums up %q, want what is of a sample", text)
	}
}

// A run that nearest neighbours did not judge ends with its last loss and its directory.
func TestTrainingUnjudged(t *testing.T) {
	var out bytes.Buffer
	r := NewTraining(&out, io.Discard, false, new(atomic.Bool))
	r.Step(8, 8)
	r.Row(run.Row{Step: 8, Loss: 2.5, Chance: 3.5})
	r.End(run.Config{Run: run.Run{Dir: "runs/a"}}, train.Result{})
	if text := out.String(); !strings.HasPrefix(text, "step 8   loss 2.500 (chance 3.500)") || !strings.HasSuffix(text, "\nrun directory: runs/a\n") {
		t.Errorf("it sums up %q, want the last loss and the directory", text)
	}
}

// A last evaluation that a stranger's metrics.jsonl leaves empty ends no run with a panic.
func TestEmptyEvaluation(t *testing.T) {
	if got := improvement("untrained", run.KNNRow{}, run.KNNRow{Step: 1}); got != "the last evaluation has no numbers" {
		t.Errorf("%q of an empty evaluation", got)
	}
}
