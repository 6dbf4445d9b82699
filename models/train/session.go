package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// session is one process's part of a run.
type session struct {
	config  run.Config
	machine Machine
	report  Reporter
	talk    Reporter // what this process alone knows, such as an image that it cannot read

	train, held data.Source // held are the held-out images, nil without
	test        data.Source // those, where nearest neighbours can be judged by them; nil elsewhere
	judged      data.Source // what is judged without labels: some of the held-out images, or else of train; nil where nothing is
	broken      brokenLog
	views       augment.Config
	definition  moco.Step

	dir     *run.RunDir            // nil where another process owns it
	metrics *run.Metrics           // nil with it
	resumed *checkpoint.Checkpoint // nil in a fresh run

	beginning *beginning   // nil where the weights are fresh
	takeOver  bool         // the state is one that all processes take over from process 0
	askToStop func() error // see agreed

	step    *step.Step
	monitor *monitor // nil when the run is never evaluated

	saver      saver
	snapshot   snapshot      // of the newest checkpoint; the saver's while it writes
	order      []stateTensor // of the state, to find what is not finite first
	saved      int           // the step of the newest checkpoint, -1 for none
	savedAt    time.Time     // when it was begun, or the run
	reloadedAt int           // how many checkpoints were written when the device last failed, -1 when it did not

	now                 func() time.Time
	start               time.Time
	sums                figures // since the last row of metrics
	diagnoser           diagnoser
	scores              checkpoint.Scores // of the evaluations
	perEpoch            int               // steps
	fingerprint         string            // of the training images; see record
	epochs, total, done int               // epochs the schedule spans, steps of the run, steps done
	first               int               // steps done where the run began: those of the checkpoint it goes on from
}

// openData reads both splits and checks the configuration against them.
func (s *session) openData() (err error) {
	s.report.Stage("reading " + s.config.Data.Name())
	if s.config.Data, err = s.config.Data.Measured(); err != nil {
		return err
	}
	c := s.config
	s.views = c.Views.Augment
	if s.train, err = c.Data.Source("train", s.broken.add); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeData())
		}
	}()
	if c.KNN.Every > 0 {
		if err := s.openTest(); err != nil {
			return err
		}
		if s.judged == nil {
			s.report.Note("one held-out image is too few to judge by: the encoder is not judged")
			c.KNN.Every = 0
		}
	}
	n := s.train.Info().N
	if err := c.ValidateData(n); err != nil {
		return err
	}
	for _, w := range append(c.Warnings(n), dataNotes(s.train)...) {
		s.report.Note("warning: " + w)
	}
	s.perEpoch = c.StepsPerEpoch(n)
	s.epochs, s.total = c.Run.Length(s.perEpoch)
	if c.Run.Steps > s.total {
		s.report.Note(fmt.Sprintf("--steps is %d: the run ends before, after the %d steps of --epochs=%d", c.Run.Steps, s.total, s.epochs))
	}
	s.definition = c.Step()
	return s.checkExpectations()
}

// open opens the run's directory, where this process owns it, and finds out where the run stands.
func (s *session) open(ctx context.Context, disk durable.FileSystem) error {
	if s.leads() {
		if err := s.openDir(disk); err != nil {
			return err
		}
	}
	if err := s.meet(ctx); err != nil {
		return errors.Join(err, s.closeDir())
	}
	return nil
}

// record is what this process was asked for. The fingerprint is made once: of a set in memory it reads all images.
func (s *session) record() (run.Record, error) {
	if s.fingerprint == "" {
		var err error
		if s.fingerprint, err = s.train.Fingerprint(); err != nil {
			return run.Record{}, err
		}
	}
	return run.Record{Config: s.config, DataSHA256: s.fingerprint, Versions: s.machine.Versions}, nil
}

// openDir locks the directory and finds out whether the run begins or goes on.
func (s *session) openDir(disk durable.FileSystem) (err error) {
	if s.dir, err = run.OpenDir(disk, s.config.Run.Dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.dir.Close())
		}
	}()
	record, err := s.record()
	if err != nil {
		return err
	}
	s.resumed, err = s.dir.Load()
	if err != nil && !errors.Is(err, checkpoint.ErrNone) {
		return err
	}
	anew, err := s.compare(record)
	if err != nil {
		return err
	}
	if err := s.readBeginning(); err != nil {
		return err
	}
	if anew { // before the record: a crash between them must not leave the rows of another encoder
		if err := s.dropRows(); err != nil {
			return err
		}
	}
	if err := s.dir.SaveRecord(record); err != nil {
		return err
	}
	s.saved, s.reloadedAt = -1, -1
	if s.resumed == nil {
		s.done = s.first
		return s.openMetrics()
	}
	if err := s.goOnFrom(s.resumed); err != nil {
		return err
	}
	if s.finished() {
		limit := "--epochs"
		if s.total < s.epochs*s.perEpoch || s.config.Run.Epochs == 0 {
			limit = "--steps"
		}
		s.report.Note(fmt.Sprintf("the run has ended after %d steps; raise %s to go on with it", s.done, limit))
	} else {
		s.report.Note(fmt.Sprintf("going on from step %d of %d", s.done, s.total))
	}
	return nil
}

// compare checks what the run is asked to be against what it was, and tells of harmless changes. It is anew
// where the directory has another run, of which no step is on record.
func (s *session) compare(asked run.Record) (anew bool, err error) {
	saved, err := s.dir.Record()
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.resumed == nil:
		return false, nil
	case errors.Is(err, fs.ErrNotExist):
		state := s.resumed.State
		saved = run.Record{DataSHA256: asked.DataSHA256, Versions: state.Versions}
		if saved.Config, err = run.ConfigOf(state); err != nil {
			return false, err
		}
		s.report.Note("config.json is missing: the checkpoint's own configuration stands in for it")
	case err != nil:
		return false, err
	}
	notices, err := run.CheckResume(saved, asked)
	if errors.Is(err, run.ErrIncompatible) && s.resumed == nil && !s.stepped() {
		s.report.Note("no step of the run in this directory is on record: it begins anew, as it is asked for now")
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for _, n := range notices {
		s.report.Note("changed since the run began: " + n)
	}
	return false, nil
}

// dropRows empties metrics.jsonl.
func (s *session) dropRows() error {
	rows, err := s.dir.Metrics(-1)
	if err != nil {
		return err
	}
	return rows.Close()
}

// stepped tells whether the directory has a row of a step; one that cannot be read may have.
func (s *session) stepped() bool {
	rows, _, err := run.ReadMetrics(s.dir.Path())
	return len(rows) > 0 || err != nil
}

// finished says that there is nothing left to do.
func (s *session) finished() bool {
	return s.done >= s.total && s.saved == s.done && !s.evaluationDue()
}

// build makes the state and compiles the programs.
func (s *session) build(ctx context.Context) error {
	m, err := mesh.New(s.machine.Backend, s.machine.Devices)
	if err != nil {
		return err
	}
	if s.step, err = step.New(m, s.definition, s.config.Run.Seed); err != nil {
		return err
	}
	if s.resumed != nil {
		if err := s.restore(s.resumed.Tensors); err != nil {
			return err
		}
		s.resumed.Tensors = nil
	} else if err := s.begin(); err != nil {
		return err
	}
	s.order = computationOrder(s.definition.Encoder)
	if ctx.Err() != nil {
		return nil
	}
	stage := "compiling the step"
	if s.machine.Loads {
		stage = "loading the step"
	}
	s.report.Stage(stage)
	info := s.train.Info()
	if err := s.step.Compile(info.Size, info.Channels); err != nil || ctx.Err() != nil {
		return err
	}
	if err := s.shareState(ctx); err != nil {
		return err
	}
	if s.judged != nil {
		s.report.Stage("compiling the encoder")
		s.monitor, err = newMonitor(s, m)
	}
	return err
}

// readBeginning reads what a run that begins starts from.
func (s *session) readBeginning() (err error) {
	weights, state := s.config.Run.Init, s.config.Run.ResumeFrom
	if s.resumed != nil || weights == "" && state == "" {
		return nil
	}
	s.report.Stage("reading " + weights + state)
	if state != "" {
		s.beginning, err = readState(state, s.config, s.perEpoch, s.epochs)
	} else {
		s.beginning, err = readBeginning(weights, s.config.Encoder)
	}
	if err != nil {
		return err
	}
	s.first = s.beginning.epochs * s.perEpoch
	s.notes(s.beginning.said)
	return nil
}

// begin sets the state of a run that has done no step of its own yet.
func (s *session) begin() error {
	if s.beginning == nil {
		return nil
	}
	return s.beginning.apply(s.step, s.definition.Encoder)
}

// restore sets the state from a checkpoint's tensors.
func (s *session) restore(all []safetensors.Tensor) error {
	if err := s.step.Restore(all); err != nil {
		return fmt.Errorf("train: %w: %w", run.ErrIncompatible, err)
	}
	return nil
}

func (s *session) close() error {
	if s.step != nil {
		s.step.Close()
	}
	if s.monitor != nil {
		s.monitor.close()
	}
	return errors.Join(s.saver.wait(), s.closeData(), s.closeDir())
}

func (s *session) closeDir() (err error) {
	if s.metrics != nil { // a reload may have failed to open it again
		err = s.metrics.Close()
	}
	if s.dir != nil {
		err = errors.Join(err, s.dir.Close())
	}
	return err
}
