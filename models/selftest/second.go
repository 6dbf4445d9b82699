package selftest

import (
	"context"
	"fmt"
	"os"

	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// loadsPrograms compiles the small step twice, on one engine after the other, which share a folder of compiled programs.
func loadsPrograms(_ context.Context, s *session, r *Result) error {
	dir, err := os.MkdirTemp("", "mocotpu-selftest-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer s.close() // what was loaded from a folder that is gone
	var runs [2]trial.Run
	for i := range runs {
		s.close()
		e, err := s.open(Opening{Programs: dir})
		if err != nil {
			return err
		}
		if e.EngineName() == "go" {
			return cannotf("the go engine compiles nothing")
		}
		start := s.now()
		t, err := s.trial(s.most(), resnet.Float32)
		if err != nil {
			return err
		}
		r.note([]string{"first start seconds", "second start seconds"}[i], s.now().Sub(start).Seconds())
		if runs[i], err = s.steps(t, 2, lr); err != nil {
			return err
		}
		if i == 1 && (e.Loaded() == 0 || e.Compiled() > 0) {
			if kept, err := os.ReadDir(dir); err == nil && len(kept) == 0 {
				return cannotf("the plugin cannot write its programs down")
			}
			return fmt.Errorf("the second start loaded %d program(s) and compiled %d, want all loaded", e.Loaded(), e.Compiled())
		}
	}
	return trial.Same(runs[1], runs[0])
}
