package pretrain

import (
	"context"
	"fmt"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/moco"
)

// run trains from s.done to s.total.
func (s *session) run(ctx context.Context) error {
	if err := s.replay(); err != nil {
		return err
	}
	if s.done == 0 && s.monitor != nil {
		if err := s.evaluate(s.monitor.untrained); err != nil {
			return err
		}
	}
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	batches := newFeed(s.train, s.moco, s.views, s.config.Run.Seed).run(feeding, s.done, s.total)
	start := time.Now()
	sums := figures{begin: start}
	for s.done < s.total {
		if ctx.Err() != nil {
			return s.interrupted()
		}
		waiting := time.Now()
		batch, ok := <-batches
		if !ok {
			return s.interrupted() // the context ended while the batch was being made
		}
		waited := time.Since(waiting)
		lr := LR(s.config.Optim, s.done/s.perEpoch, s.done%s.perEpoch, s.perEpoch, s.epochs)
		values, err := s.step(batch, lr)
		if err != nil {
			return err
		}
		sums.add(values, waited)
		s.done++
		s.report.Step(s.done, s.total)
		if s.done%s.config.Run.LogEvery == 0 || s.done == s.total {
			if err := s.log(&sums, lr, start); err != nil {
				return err
			}
		}
		pause := time.Now()
		if err := s.endOfEpoch(); err != nil {
			return err
		}
		if s.checkpointDue() {
			if err := s.save(); err != nil {
				return err
			}
		}
		sums.begin = sums.begin.Add(time.Since(pause)) // the throughput is that of the steps
	}
	return nil
}

// step runs one training step and returns its figures.
func (s *session) step(batch prepared, lr float64) ([]float32, error) {
	if batch.err != nil {
		return nil, batch.err
	}
	args := append(batch.args[:3:3], tensors.FromScalar(float32(lr)))
	out, err := s.program.Run(append(args, batch.args[3:]...)...)
	if err != nil {
		return nil, fmt.Errorf("pretrain: step %d: %w; run again to go on from the last checkpoint", s.done+1, err)
	}
	defer out[0].FinalizeAll()
	values := make([]float32, moco.NumFigures)
	if err := tensors.ConstFlatData(out[0], func(flat []float32) { copy(values, flat) }); err != nil {
		return nil, fmt.Errorf("pretrain: step %d: reading its figures: %w", s.done+1, err)
	}
	if name := notFinite(values); name != "" {
		return nil, fmt.Errorf("pretrain: step %d: %s is not a number any more: %w; the last checkpoint is kept; "+
			"try a lower --lr or a higher --temperature in a new directory", s.done+1, name, ErrDiverged)
	}
	return values, nil
}

// log writes the row of the steps since the last one.
func (s *session) log(sums *figures, lr float64, start time.Time) error {
	now := time.Now()
	row := sums.row(s.config, now)
	row.Step, row.Epoch, row.LR = s.done, (s.done-1)/s.perEpoch, Float(lr)
	keys := s.config.MoCo.Batch
	if s.config.MoCo.Symmetric {
		keys *= 2
	}
	row.QueueFill = Float(min(1, float64(s.done*keys)/float64(s.config.MoCo.Queue)))
	row.Time.Seconds = Float(now.Sub(start).Seconds())
	if err := s.metrics.Write(row); err != nil {
		return err
	}
	s.report.Row(row)
	s.notes(s.diagnoser.Row(row))
	return nil
}

// endOfEpoch evaluates when it is time: every so many epochs, and at the end.
func (s *session) endOfEpoch() error {
	if s.monitor == nil {
		return nil
	}
	due := s.done%s.perEpoch == 0 && (s.done/s.perEpoch)%s.config.KNN.Every == 0
	if !due && s.done != s.total {
		return nil
	}
	return s.evaluate(s.monitor.current)
}

func (s *session) evaluate(judge func() (KNNRow, error)) error {
	s.report.Stage("looking at nearest neighbours")
	row, err := judge()
	if err != nil {
		return err
	}
	row.Step, row.Epoch = s.done, s.done/s.perEpoch
	if err := s.metrics.Write(row); err != nil {
		return err
	}
	s.report.KNN(row)
	s.notes(s.diagnoser.KNN(row))
	return nil
}

func (s *session) checkpointDue() bool {
	if s.done == s.total {
		return true
	}
	every := s.config.Run.CheckpointEvery
	if every == 0 {
		every = s.perEpoch
	}
	return s.done%every == 0
}

// save writes a checkpoint of the steps done.
func (s *session) save() error {
	if err := s.metrics.Sync(); err != nil {
		return fmt.Errorf("pretrain: metrics: %w", err)
	}
	all, err := snapshot(s.store)
	if err != nil {
		return err
	}
	return s.dir.Save(s.done, all, State{
		Epoch: s.done / s.perEpoch, StepInEpoch: s.done % s.perEpoch,
		Seed: s.config.Run.Seed, Config: s.config, Versions: s.machine.Versions,
	})
}

func (s *session) interrupted() error {
	if err := s.save(); err != nil {
		return err
	}
	return fmt.Errorf("pretrain: %w after step %d of %d; --dir %s goes on from there", ErrInterrupted, s.done, s.total, s.dir.Path())
}

// replay tells the diagnoser what happened before a resumed run, which the user has been told.
func (s *session) replay() error {
	rows, knn, err := ReadMetrics(s.dir.Path())
	if err != nil {
		return err
	}
	for _, k := range knn {
		for len(rows) > 0 && rows[0].Step <= k.Step {
			s.diagnoser.Row(rows[0])
			rows = rows[1:]
		}
		s.diagnoser.KNN(k)
	}
	for _, r := range rows {
		s.diagnoser.Row(r)
	}
	return nil
}

func (s *session) notes(texts []string) {
	for _, text := range texts {
		s.report.Note(text)
	}
}
