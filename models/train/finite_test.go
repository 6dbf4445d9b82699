package train

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// wantDiverged checks that a run stopped with what, and kept the checkpoint of a step (-1: there is none), all finite.
func wantDiverged(t *testing.T, dir string, err error, kept int, what ...string) {
	t.Helper()
	if !errors.Is(err, ErrDiverged) {
		t.Fatalf("error %v, want ErrDiverged", err)
	}
	for _, part := range what {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want %q in it", err, part)
		}
	}
	saved, err := checkpoint.Load(dir)
	if kept < 0 {
		if !errors.Is(err, checkpoint.ErrNone) {
			t.Errorf("checkpoint %v, error %v, want none", saved, err)
		}
		return
	}
	if err != nil || saved.State.Step != kept || len(saved.Notes) > 0 {
		t.Fatalf("checkpoint %+v, error %v, want that of step %d", saved, err, kept)
	}
	c := must.M1(run.ConfigOf(saved.State))
	c.Run.Dir = dir
	s := builtSession(t, c)
	must.M(s.snapshot.take(s.step))
	if name := s.snapshot.notFinite(s.order); name != "" {
		t.Errorf("the checkpoint of step %d holds a number that is not finite: %s", kept, name)
	}
}

// builtSession is a run that is ready to take its next step.
func builtSession(t *testing.T, c run.Config) *session {
	t.Helper()
	s := &session{config: c, machine: goMachine(t), report: &recorder{}, now: time.Now}
	s.config.Engine.Devices = 1
	must.M(s.openData())
	must.M(s.openDir(durable.Disk{}))
	t.Cleanup(func() { s.close() })
	must.M(s.build(t.Context()))
	return s
}

// TestNaNInAParameter puts a NaN into one parameter before a step: the run stops in that step, names the parameter or
// what the NaN reached first, and keeps the checkpoint before it.
func TestNaNInAParameter(t *testing.T) {
	for _, test := range []struct{ poisoned, names string }{
		{"/query/layer3.0.conv1.weight", "parameter layer3.0.conv1.weight of an encoder, before the step"},
		{"/query/fc.bias", "parameter fc.bias of an encoder, before the step"},
		{"/key/bn1.weight", "parameter bn1.weight of an encoder, before the step"},
		{"/queue", "the keys, by the queue (queue)"},
		{"/query/layer2.0.bn1.running_mean", ""}, // which training does not read: found when it is saved
	} {
		t.Run(test.poisoned, func(t *testing.T) {
			c := tiny(t.TempDir())
			c.KNN.Every, c.Run.CheckpointEvery = 0, 3
			m, device := brokenMachine(t)
			device.poisons = func(program string, run int) string {
				if program == "step" && run == 5 {
					return test.poisoned
				}
				return ""
			}
			result, err := Train(t.Context(), c, m, &recorder{})
			if test.names == "" {
				name := strings.TrimPrefix(test.poisoned, "/")
				wantDiverged(t, c.Run.Dir, err, 3, "not finite", name)
				return
			}
			wantDiverged(t, c.Run.Dir, err, 3, "step 5: diverged: the loss is not finite, and before it "+test.names, "the checkpoint of step 3 is kept")
			if result.Steps != 4 {
				t.Errorf("%d steps, want the 4 before it", result.Steps)
			}
		})
	}
}

// TestNaNInTheUpdate: SGD's buffer is poisoned in step 5, whose loss does not show it; step 6 names the parameter.
func TestNaNInTheUpdate(t *testing.T) {
	c := tiny(t.TempDir())
	c.KNN.Every, c.Run.CheckpointEvery = 0, 3
	m, device := brokenMachine(t)
	device.poisons = func(program string, run int) string {
		if program == "step" && run == 5 {
			return "/momentum/layer1.0.conv2.weight"
		}
		return ""
	}
	_, err := Train(t.Context(), c, m, &recorder{})
	wantDiverged(t, c.Run.Dir, err, 3, "step 6: diverged", "before it parameter layer1.0.conv2.weight of an encoder, before the step")
}

// TestNaNInTheBatch: the step is not even run, and what was bad is named.
func TestNaNInTheBatch(t *testing.T) {
	c := tiny(t.TempDir())
	c.KNN.Every, c.MoCo.Symmetric = 0, true
	s := builtSession(t, c)
	must.M(s.snapshot.take(s.step))
	before := slices.Clone(s.snapshot.flat[moco.QueueName].([]float32))
	f := must.M1(NewFeed(s.step, s.train, s.views, 0))
	defer f.Close()
	slot := <-f.idle
	for _, test := range []struct {
		input int // as the step has them, 0 for none
		lr    float64
		want  string
	}{
		{1, 1, "the parameters of view 1 in row 2 of the batch, number 3 is not finite"},
		{2, 1, "the parameters of view 2 (shuffled) in row 2 of the batch, number 3"},
		{4, 1, "the parameters of view 2 in row 2 of the batch, number 3"},
		{5, 1, "the parameters of view 1 (shuffled) in row 2 of the batch, number 3"},
		{0, math.NaN(), "step 1: diverged: the learning rate is not finite; there is no checkpoint yet"},
	} {
		must.M(f.fill(slot, 0, 1))
		if test.input > 0 {
			slot.Parts(0)[test.input].([]float32)[2*s.views.NumParams()+3] = float32(math.Inf(1))
		}
		_, err := s.stepOn(Batch{Slot: slot}, test.lr)
		if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("input %d: error %v, want ErrDiverged and %q", test.input, err, test.want)
		}
	}
	must.M(s.snapshot.take(s.step))
	if !slices.Equal(before, s.snapshot.flat[moco.QueueName].([]float32)) {
		t.Error("the state changed, want that of before the step")
	}
}

// TestDivergingLoss trains with a learning rate that no net survives.
func TestDivergingLoss(t *testing.T) {
	c := tiny(t.TempDir())
	c.Optim.LR, c.Optim.Schedule, c.KNN.Every = 1e30, "constant", 0
	c.Run.CheckpointEvery = 1
	result, err := Train(t.Context(), c, goMachine(t), &recorder{})
	wantDiverged(t, c.Run.Dir, err, result.Steps, "step ", "not finite", "--lr")
}

// TestComputationOrder: the list has every float tensor of the state, once.
func TestComputationOrder(t *testing.T) {
	c := tiny(t.TempDir())
	c.KNN.Every = 0
	s := builtSession(t, c)
	must.M(s.snapshot.take(s.step))
	var names []string
	for _, tensor := range s.order {
		names = append(names, tensor.name)
	}
	slices.Sort(names)
	var want []string
	for name, flat := range s.snapshot.flat {
		if _, ok := flat.([]float32); ok {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("looks at %v, want %v", names, want)
	}
}

func TestFirstNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, test := range []struct {
		flat []float32
		want int
	}{
		{nil, -1},
		{[]float32{0, -1, math.MaxFloat32, math.SmallestNonzeroFloat32}, -1},
		{[]float32{1, nan, inf}, 1},
		{[]float32{1, 2, inf}, 2},
	} {
		if got := firstNotFinite(test.flat); got != test.want {
			t.Errorf("%v: %d, want %d", test.flat, got, test.want)
		}
	}
}
