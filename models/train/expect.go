package train

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// checkExpectations refuses what a run of so many steps, on these images, will never tell of.
func (s *session) checkExpectations() error {
	var p settings.Check
	knn := s.config.Run.Keep.BestBy == "knn"
	p.That(!knn || s.test != nil || s.config.KNN.Every == 0, "run.keep.best_by", "is knn, and there are no held-out images with classes: want one of the other figures")
	for _, e := range s.config.Run.Expect {
		at := e.Epoch * s.perEpoch
		p.That(at <= s.total, "run.expect", "is %s, and the run has %d steps, %d an epoch: want an earlier epoch", e, s.total, s.perEpoch)
		if !e.Evaluates() {
			continue // every epoch has a row at its end or before it
		}
		p.That(s.judged != nil && (e.Figure != "knn" || s.test != nil), "run.expect", "is %s, and there are no held-out images with classes: want another figure", e)
	}
	return p.Err()
}

// expected ends the run, with a checkpoint, where the epoch that has ended does not have what is expected of it. All
// processes end together.
func (s *session) expected(ctx context.Context) error {
	verdict, due, err := s.verdict()
	if err != nil || !due {
		return err
	}
	if s.machine.Peers != nil {
		text, err := s.machine.Peers.Share(ctx, fmt.Sprintf("expected after step %d", s.done), []byte(verdict))
		if err != nil {
			return err
		}
		verdict = string(text)
	}
	if verdict == "" {
		return nil
	}
	if err := errors.Join(s.save(), s.saver.wait()); err != nil {
		return err
	}
	if err := s.rejoin("saved"); err != nil {
		return err
	}
	return fmt.Errorf("train: %w after epoch %d: %s; the checkpoint of step %d is written: --dir %s with other --expect, or --expect= for none, goes on from there",
		ErrExpected, s.done/s.perEpoch, verdict, s.done, s.config.Run.Dir)
}

// verdict says what is not as expected after the steps done, "" for nothing, where this process knows; due where anything is
// expected.
func (s *session) verdict() (verdict string, due bool, err error) {
	var now run.Expectations
	for _, e := range s.config.Run.Expect {
		if s.done == e.Epoch*s.perEpoch {
			now = append(now, e)
		}
	}
	if len(now) == 0 || !s.leads() {
		return "", len(now) > 0, nil
	}
	rows, evaluations, err := run.ReadMetrics(s.dir.Path())
	if err != nil {
		return "", true, err
	}
	var unmet []string
	for _, e := range now {
		if got, met := e.Met(rows, evaluations); !met {
			unmet = append(unmet, fmt.Sprintf("%s is %.4g, want %s", e.Figure, got, e))
		}
	}
	return strings.Join(unmet, "; "), true, nil
}
