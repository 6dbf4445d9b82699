package report

import (
	"context"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
)

// Watch calls write now and every so often while one of the runs is being trained. It returns nil once none is, or the
// cause when the context ends; write is then to be called once more, for a page that does not reload.
func Watch(ctx context.Context, dirs []string, every time.Duration, write func() error) error {
	for {
		going, err := training(dirs)
		if err != nil || !going {
			return err
		}
		if err := write(); err != nil {
			return err
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// training tells whether a process trains one of the runs.
func training(dirs []string) (bool, error) {
	for _, dir := range dirs {
		all, err := run.List(dir)
		if err != nil {
			return false, err
		}
		for _, s := range all {
			if s.State == run.StateTraining {
				return true, nil
			}
		}
	}
	return false, nil
}
