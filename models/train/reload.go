package train

import (
	"errors"
	"fmt"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
)

// deviceError marks an error of the device, in which it may have lost the run's state: a step gives the buffers of the
// state before it away.
type deviceError struct{ error }

func (e deviceError) Unwrap() error { return e.error }

// reload puts the run back to its last checkpoint, or its beginning, after the device failed. It does so once, and again
// only when a checkpoint was written since: a device that fails for good ends the run with the failure.
func (s *session) reload(failure deviceError) error {
	err := s.saver.wait()
	if err != nil {
		return errors.Join(failure, err)
	}
	if s.saver.saving.Checkpoints == s.reloadedAt {
		return fmt.Errorf("%w; that is the second time since the last checkpoint, so the run ends; run again to go on from it", failure)
	}
	s.reloadedAt = s.saver.saving.Checkpoints
	if err := s.backToCheckpoint(); err != nil {
		return errors.Join(failure, err)
	}
	s.report.Note(fmt.Sprintf("%v; going on from step %d", failure, s.done))
	return nil
}

func (s *session) backToCheckpoint() error {
	saved, err := s.dir.Load()
	if err != nil && !errors.Is(err, checkpoint.ErrNone) {
		return err
	}
	if err := s.metrics.Close(); err != nil {
		return fmt.Errorf("train: metrics: %w", err)
	}
	if saved != nil {
		if err := s.restore(saved.Tensors); err != nil {
			return err
		}
		return s.goOnFrom(saved)
	}
	s.done, s.saved, s.sums = s.first, -1, figures{}
	if err := errors.Join(s.step.Reset(), s.begin()); err != nil {
		return err
	}
	return s.openMetrics()
}
