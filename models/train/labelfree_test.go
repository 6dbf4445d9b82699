package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// flat is a folder of images without classes, and without held-out ones unless val is true.
func flat(t *testing.T, val bool) string {
	t.Helper()
	labelled := imageNet(t, 24, 8)
	dir := t.TempDir()
	to := func(split, into string) {
		must.M(os.MkdirAll(into, 0o755))
		names := must.M1(filepath.Glob(filepath.Join(labelled, split, "*", "*")))
		for _, name := range names {
			must.M(os.Rename(name, filepath.Join(into, filepath.Base(filepath.Dir(name))+filepath.Base(name))))
		}
	}
	if !val {
		to("train", dir)
		return dir
	}
	to("train", filepath.Join(dir, "train"))
	to("val", filepath.Join(dir, "val"))
	return dir
}

// Folders without classes are judged every epoch, by held-out images where there are some and else by those of training;
// the best checkpoint stays, and a run that is repeated finds the same.
func TestTrainWithoutClasses(t *testing.T) {
	for name, val := range map[string]bool{"flat": false, "with val": true} {
		c := tinyFolder(t, flat(t, val))
		c.Data.Unlabeled = true
		c.MoCo.Batch, c.MoCo.Queue = 8, 16
		c.Run.Epochs = 3
		c.Run.Keep = checkpoint.Keep{Last: 1, Best: true}
		var first, again recorder
		for _, r := range []*recorder{&first, &again} {
			c.Run.Dir = t.TempDir()
			if _, err := Train(t.Context(), c, goMachine(t), r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		images := map[bool]int{false: 24, true: 8}[val]
		best, steps := -1.0, 0
		for i, row := range first.knn {
			f := row.LabelFree
			if f == nil || f.Images != images || f.HeldOut != val || f.Projection == nil || row.Epoch != i || len(row.K) != 0 {
				t.Fatalf("%s: evaluation %d: %+v of %+v, want %d images", name, i, row, f, images)
			}
			for _, g := range []run.Geometry{f.Backbone, *f.Projection} {
				if !(g.Rank >= 1 && g.Alignment > 0 && g.Uniformity < 0 && g.Retrieval >= 0 && g.Retrieval <= 100) {
					t.Errorf("%s: evaluation %d: %+v", name, i, g)
				}
			}
			if score := float64(f.Projection.Retrieval); i > 0 && score > best {
				best, steps = score, row.Step
			}
		}
		_, one := timeless(nil, first.knn)
		_, other := timeless(nil, again.knn)
		if len(first.knn) != 4 || !reflect.DeepEqual(one, other) {
			t.Errorf("%s: %d evaluations, want 4, the same in both runs", name, len(first.knn))
		}
		if _, err := os.Stat(filepath.Join(c.Run.Dir, checkpoint.Name(steps))); err != nil {
			t.Errorf("%s: the best checkpoint, of step %d, is gone", name, steps)
		}
		if notes := strings.Join(first.notes, "\n"); strings.Contains(notes, "without labels, by training images") == val {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
}

// A run ends after the epoch in which a figure is not as expected, with a checkpoint; again, when it is asked for again; and
// goes on when it is asked to.
func TestTrainExpected(t *testing.T) {
	c := tiny(t.TempDir())
	c.Run.Epochs, c.Run.CheckpointEvery = 3, 1000
	must.M(c.Run.Expect.Set("loss@1<100"))
	must.M(c.Run.Expect.Set("knn@2>=100"))
	must.M(c.Run.Expect.Set("alignment@2<0"))
	for _, part := range []string{"", "again: "} {
		result, err := Train(t.Context(), c, goMachine(t), &recorder{})
		if !errors.Is(err, ErrExpected) || result.Steps != 8 ||
			!strings.Contains(err.Error(), "want knn@2>=100; alignment is ") || !strings.Contains(err.Error(), "the checkpoint of step 8 is written") {
			t.Fatalf("%s%d steps, error %v, want 8 and ErrExpected", part, result.Steps, err)
		}
	}
	if saved := must.M1(checkpoint.Load(c.Run.Dir)); saved.State.Step != 8 {
		t.Errorf("the checkpoint is of step %d, want 8", saved.State.Step)
	}
	c.Run.Expect = run.Expectations{{Figure: "alignment", Epoch: 3, Op: "<", Value: 0}}
	for _, part := range []string{"", "again: "} { // the run has then ended
		if result, err := Train(t.Context(), c, goMachine(t), &recorder{}); !errors.Is(err, ErrExpected) || result.Steps != 12 {
			t.Errorf("%s%d steps, error %v, want 12 and ErrExpected", part, result.Steps, err)
		}
	}
	c.Run.Expect = nil
	if result, err := Train(t.Context(), c, goMachine(t), &recorder{}); err != nil || result.Steps != 12 {
		t.Errorf("without expectations: %d steps, error %v", result.Steps, err)
	}
}

// What the images will never tell of is refused before anything is written.
func TestExpectationsOfOtherImages(t *testing.T) {
	unlabelled := tinyFolder(t, flat(t, false))
	unlabelled.Data.Unlabeled = true
	unlabelled.MoCo.Batch, unlabelled.MoCo.Queue = 8, 16
	short := tiny("")
	short.Run.Epochs, short.Run.Steps = 2, 3
	for text, c := range map[string]run.Config{"knn@1>3": unlabelled, "rank@1>3": short, "best by knn": unlabelled} {
		if err := c.Run.Expect.Set(text); err != nil {
			c.Run.Keep.BestBy = "knn"
		}
		c.Run.Dir = filepath.Join(t.TempDir(), "run")
		_, err := Train(t.Context(), c, goMachine(t), &recorder{})
		if _, there := os.Stat(c.Run.Dir); !errors.Is(err, settings.ErrInvalid) || there == nil {
			t.Errorf("%s: error %v, directory %v, want a refusal and nothing written", text, err, there)
		}
	}
}

// toldByZero is the Peers of process 1 of two, which hears of process 0 what is here.
type toldByZero struct {
	Peers
	verdict  string
	barriers int
}

func (*toldByZero) Index() int { return 1 }

func (p *toldByZero) Share(context.Context, string, []byte) ([]byte, error) {
	return []byte(p.verdict), nil
}

func (p *toldByZero) Barrier(context.Context, string) error {
	p.barriers++
	return nil
}

// A process that follows has no metrics: it ends with process 0, once that has written the checkpoint, and asks only where
// something is expected.
func TestExpectedByFollowers(t *testing.T) {
	peers := &toldByZero{verdict: "knn is 4, want knn@2>=45"}
	s := &session{machine: Machine{Peers: peers}, perEpoch: 4, done: 4, now: time.Now}
	must.M(s.config.Run.Expect.Set("knn@2>=45"))
	if err := s.expected(t.Context()); err != nil || peers.barriers != 0 {
		t.Errorf("after epoch 1: %v", err)
	}
	s.done = 8
	if err := s.expected(t.Context()); !errors.Is(err, ErrExpected) || !strings.Contains(err.Error(), peers.verdict) || peers.barriers != 1 || s.saved != 8 {
		t.Errorf("after epoch 2: %v, %d barriers, want the end of all after a checkpoint", err, peers.barriers)
	}
	if peers.verdict = ""; s.expected(t.Context()) != nil {
		t.Error("what is as expected ends the run")
	}
}
