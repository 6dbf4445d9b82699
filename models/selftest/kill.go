package selftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/child"
)

// kills is how often the run is killed.
const kills = 2

// killedRun is a run of a small net that writes many checkpoints, in the command's flags.
var killedRun = []string{
	"--preset=glyphs", "--train-images=256", "--batch=64", "--bn-groups=8", "--queue=128", "--width=2", "--dim=8", "--image-size=16",
	"--knn-every=0", "--checkpoint-every=5", "--log-every=1", "--steps=40",
}

// survivesKill kills a run as soon as it has written a checkpoint, again and again, and compares where it comes to with a
// run that nothing disturbed.
func survivesKill(ctx context.Context, s *session, r *Result) error {
	if len(s.machine.Train) == 0 {
		return cannotf("there is no command that trains")
	}
	if _, err := s.open(Opening{}); err != nil {
		return err
	}
	s.engineFlags = []string{"--backend=" + s.engine.EngineName(), fmt.Sprintf("--devices=%d", s.most())}
	s.close() // a device may be one process's at a time
	temp, err := os.MkdirTemp("", "mocotpu-selftest-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	whole, killed := filepath.Join(temp, "whole"), filepath.Join(temp, "killed")
	if err := s.train(ctx, temp, whole); err != nil {
		return err
	}
	for n := range kills {
		if err := s.trainUntil(ctx, temp, killed, fmt.Sprintf("step-%07d", 5*(n+1))); err != nil {
			return fmt.Errorf("kill %d: %w", n+1, err)
		}
	}
	if err := s.train(ctx, temp, killed); err != nil {
		return fmt.Errorf("going on: %w", err)
	}
	r.note("kills", kills)
	return sameRuns(killed, whole)
}

// train trains to the end in a process of its own.
func (s *session) train(ctx context.Context, temp, dir string) error {
	_, err := s.child(temp, dir).Run(ctx)
	return err
}

func (s *session) child(temp, dir string) child.Command {
	return child.Command{
		Args: slices.Concat(s.machine.Train, killedRun, s.engineFlags, []string{"--dir=" + dir}), Dir: temp,
	}
}

// trainUntil trains until a checkpoint is in the folder, and kills the process.
func (s *session) trainUntil(ctx context.Context, temp, dir, checkpointed string) error {
	killing, kill := context.WithCancel(ctx)
	defer kill()
	ended := make(chan error, 1)
	go func() {
		_, err := s.child(temp, dir).Run(killing)
		ended <- err
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return err
			}
			return errors.New("the run came to its end before it was killed")
		case <-tick.C:
			if _, err := os.Stat(filepath.Join(dir, checkpointed)); err == nil {
				kill()
				<-ended
				return ctx.Err()
			}
		}
	}
}

// sameRuns compares the newest checkpoints and the rows of two runs, bit for bit.
func sameRuns(got, want string) error {
	a, err := checkpoint.Load(got)
	if err != nil {
		return err
	}
	b, err := checkpoint.Load(want)
	if err != nil {
		return err
	}
	if a.State.Step != b.State.Step || len(a.Tensors) != len(b.Tensors) {
		return fmt.Errorf("it ended at step %d with %d tensors, want step %d with %d", a.State.Step, len(a.Tensors), b.State.Step, len(b.Tensors))
	}
	for i, t := range b.Tensors {
		if a.Tensors[i].Name != t.Name || !bytes.Equal(a.Tensors[i].Data, t.Data) {
			return fmt.Errorf("%s differs from the undisturbed run's", t.Name)
		}
	}
	rows, _, err := run.ReadMetrics(got)
	if err != nil {
		return err
	}
	undisturbed, _, err := run.ReadMetrics(want)
	if err != nil {
		return err
	}
	if len(rows) != len(undisturbed) {
		return fmt.Errorf("%d rows of metrics, want %d", len(rows), len(undisturbed))
	}
	for i := range rows {
		if rows[i].Step != undisturbed[i].Step || rows[i].Loss != undisturbed[i].Loss {
			return fmt.Errorf("row %d of metrics is of step %d with loss %v, want step %d with %v", i, rows[i].Step, rows[i].Loss, undisturbed[i].Step, undisturbed[i].Loss)
		}
	}
	return nil
}
