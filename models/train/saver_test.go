package train

import (
	"errors"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// TestSaver: a write runs beside its caller, whose poll does not wait for it and whose wait does; its error comes once.
func TestSaver(t *testing.T) {
	var s saver
	if err := errors.Join(s.poll(), s.wait()); err != nil {
		t.Fatalf("idle: error %v", err)
	}
	hold, broken := make(chan struct{}), errors.New("broken")
	s.start(100, func() error { <-hold; return broken })
	if err := s.poll(); err != nil {
		t.Errorf("poll of a write under way: error %v", err)
	}
	close(hold)
	if err := s.wait(); !errors.Is(err, broken) {
		t.Errorf("wait: error %v, want that of the write", err)
	}
	if err := errors.Join(s.poll(), s.wait()); err != nil {
		t.Errorf("afterwards: error %v, want none: it was told", err)
	}
	if s.saving.Checkpoints != 0 {
		t.Errorf("%d checkpoints, want none: the write failed", s.saving.Checkpoints)
	}
	s.start(100, func() error { return nil })
	for s.inFlight != nil {
		if err := s.poll(); err != nil {
			t.Fatal(err)
		}
	}
	if s.saving.Checkpoints != 1 || s.saving.Bytes != 100 {
		t.Errorf("saving %+v, want one checkpoint of 100 bytes", s.saving)
	}
}

// slowDisk makes its user wait before a checkpoint becomes LAST.
type slowDisk struct {
	durable.Disk
	hold chan struct{}
}

func (d slowDisk) Rename(from, to string) error {
	if strings.Contains(to, "step-") {
		<-d.hold
	}
	return d.Disk.Rename(from, to)
}

// TestTrainingGoesOnBesideAWrite: steps follow while a checkpoint is being written, and what is written is the state of
// its step, not of the steps since.
func TestTrainingGoesOnBesideAWrite(t *testing.T) {
	c := tiny("")
	c.KNN.Every, c.Run.CheckpointEvery, c.Run.Keep.Last = 0, 4, 9
	want := undisturbed(t, c)
	c.Run.Dir = t.TempDir()
	disk := slowDisk{hold: make(chan struct{})}
	_, err := train(t.Context(), c, goMachine(t), &recorder{onStep: func(done int) {
		steps := must.M1(checkpoint.Steps(c.Run.Dir))
		if done < 8 && len(steps) != 0 {
			t.Errorf("step %d: checkpoints %v, want the first still held up", done, steps)
		}
		if done == 8 {
			close(disk.hold)
		}
	}}, disk)
	if err != nil {
		t.Fatal(err)
	}
	wantSameRun(t, c.Run.Dir, want)
	for _, dir := range []string{c.Run.Dir, want} {
		must.M(durable.Replace(durable.Disk{}, dir+"/LAST", []byte(checkpoint.Name(4)+"\n")))
	}
	got, first := must.M1(checkpoint.Load(c.Run.Dir)), must.M1(checkpoint.Load(want))
	for i, tensor := range first.Tensors {
		if got.State.Step != 4 || string(got.Tensors[i].Data) != string(tensor.Data) {
			t.Fatalf("step %d: %s is not that of the undisturbed run after step 4", got.State.Step, tensor.Name)
		}
	}
}
