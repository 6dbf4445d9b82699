package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
)

// run trains from s.done to s.total, over a device that fails now and then.
func (s *session) run(ctx context.Context) error {
	for {
		err := s.steps(ctx)
		var failed deviceError
		if !errors.As(err, &failed) || s.machine.Peers != nil { // other processes cannot be brought back
			return err
		}
		if err := s.reload(failed); err != nil {
			return err
		}
	}
}

// steps does what is due after the steps done, and the next step, until the end.
func (s *session) steps(ctx context.Context) (err error) {
	if s.leads() {
		if err := s.replay(); err != nil {
			return err
		}
	}
	if ctx.Err() != nil { // and so perhaps nothing was compiled
		return s.interrupted()
	}
	feed, err := NewFeed(s.step, s.train, s.views, s.config.Run.Seed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, feed.Close(), s.tellBroken()) }()
	batches := feed.Start(ctx, s.done, s.total)
	s.sums.begin = time.Now()
	for {
		pause := time.Now()
		if err := s.askToStop(); err != nil {
			return err
		}
		if err := s.betweenSteps(ctx); err != nil {
			return err
		}
		if s.done >= s.total { // above it where a later part of the run is asked to be shorter
			return s.saver.wait()
		}
		s.sums.begin = s.sums.begin.Add(time.Since(pause)) // the throughput is that of the steps
		waiting := time.Now()
		var batch Batch
		var ok bool
		select {
		case batch, ok = <-batches:
		case <-ctx.Done(): // a batch may be a long time in coming
		}
		if !ok {
			return s.interrupted()
		}
		waited := time.Since(waiting)
		lr := run.LR(s.config.Optim, s.done/s.perEpoch, s.done%s.perEpoch, s.perEpoch, s.epochs)
		values, err := s.stepOn(batch, lr)
		if err != nil {
			return err
		}
		feed.Release(batch)
		s.sums.add(values, waited)
		s.done++
		s.report.Step(s.done, s.total)
		if s.rowDue() {
			if err := errors.Join(s.log(lr), s.tellBroken()); err != nil {
				return err
			}
		}
	}
}

// rowDue says whether metrics.jsonl gets a row after the steps done. An epoch of fewer steps than there are between rows gets
// one, too: what is shown beside its accuracy would otherwise be an earlier epoch's.
func (s *session) rowDue() bool {
	every := s.config.Run.LogEvery
	return s.done%every == 0 || s.done == s.total || s.perEpoch < every && s.done%s.perEpoch == 0
}

// betweenSteps saves and evaluates when it is time, after the steps done: in that order, as an evaluation may take
// minutes in which a crash would lose the steps. Then it looks whether the run is as expected.
func (s *session) betweenSteps(ctx context.Context) error {
	if ctx.Err() != nil {
		return s.interrupted() // perhaps before everything was compiled
	}
	if err := s.saver.poll(); err != nil {
		return err
	}
	if s.checkpointDue() {
		if err := s.save(); err != nil {
			return err
		}
	}
	if s.evaluationDue() {
		better, err := s.evaluate(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return s.interrupted() // the evaluation is made up for when the run goes on
		case err != nil:
			return err
		case better && s.config.Run.Keep.Best:
			if err := s.save(); err != nil {
				return err
			}
		}
	}
	return s.expected(ctx)
}

// stepOn runs one training step and returns its figures.
func (s *session) stepOn(batch Batch, lr float64) (values moco.Figures, err error) {
	if batch.Err != nil {
		return values, batch.Err
	}
	if name := notFiniteInput(s.step.Inputs(), batch.Slot, float32(lr)); name != "" {
		return values, s.divergedAt(name + " is not finite")
	}
	values, err = s.step.Run(batch.Slot, float32(lr))
	switch {
	case errors.Is(err, moco.ErrNotFinite): // as a build with -tags invariants finds
		return values, s.divergedAt(err.Error())
	case errors.Is(err, moco.ErrInvariant):
		return values, fmt.Errorf("train: step %d: %w", s.done+1, err)
	case err != nil:
		return values, deviceError{fmt.Errorf("train: step %d: %w", s.done+1, err)}
	}
	if name := notFiniteFigure(values); name != "" {
		return values, s.diverged(name)
	}
	return values, nil
}

// log writes the row of the steps since the last one.
func (s *session) log(lr float64) error {
	now := time.Now()
	row := s.sums.row(s.config, now)
	if !s.leads() {
		return nil
	}
	row.Step, row.Epoch, row.LR = s.done, (s.done-1)/s.perEpoch, run.Float(lr)
	keys := s.config.MoCo.Batch
	if s.config.MoCo.Symmetric {
		keys *= 2
	}
	row.QueueFill = run.Float(min(1, float64(s.done*keys)/float64(s.config.MoCo.Queue)))
	row.Time.Seconds = run.Float(now.Sub(s.start).Seconds())
	if err := s.metrics.Write(row); err != nil {
		return err
	}
	s.report.Row(row)
	s.notes(s.diagnoser.row(row))
	return nil
}

func (s *session) interrupted() error {
	if err := s.save(); err != nil {
		return err
	}
	if err := s.saver.wait(); err != nil {
		return err
	}
	if err := s.rejoin("saved"); err != nil {
		return err
	}
	return fmt.Errorf("train: %w after step %d of %d; --dir %s goes on from there", ErrInterrupted, s.done, s.total, s.config.Run.Dir)
}

// replay tells the diagnoser what happened before a resumed run, which the user has been told.
func (s *session) replay() error {
	rows, knn, err := run.ReadMetrics(s.dir.Path())
	if err != nil {
		return err
	}
	s.diagnoser = diagnoser{}
	for _, k := range knn {
		for len(rows) > 0 && rows[0].Step <= k.Step {
			s.diagnoser.row(rows[0])
			rows = rows[1:]
		}
		s.diagnoser.knn(k)
	}
	for _, r := range rows {
		s.diagnoser.row(r)
	}
	return nil
}

func (s *session) notes(texts []string) {
	for _, text := range texts {
		s.report.Note(text)
	}
}
