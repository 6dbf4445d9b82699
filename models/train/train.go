package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

var (
	// ErrInterrupted says that the context ended the run; its checkpoint is written.
	ErrInterrupted = errors.New("interrupted")
	// ErrOtherRun says that this process was asked for another run than process 0.
	ErrOtherRun = errors.New("this process's run is not that of process 0")
	// ErrExpected says that a figure is not what the configuration expects of an epoch (Run.Expect); the checkpoint is written.
	ErrExpected = errors.New("the run is not what is expected")
	// ErrDiverged says that the loss or the gradient became NaN or infinite.
	ErrDiverged = errors.New("diverged")
)

// Machine is what a run computes on.
type Machine struct {
	// Backend is the engine, which stays the caller's.
	Backend compute.Backend
	// Devices is how many of its devices to use; it divides the configuration's Groups.
	Devices int
	// Peers are the processes that train the run together, this one included; nil is for this one alone. Devices is then
	// that of all of them. A device that fails ends the run, for all.
	Peers Peers
	// Versions of the program and its libraries, by name, are saved with every checkpoint.
	Versions map[string]string
	// Loads says that Backend has the compiled step from a file. It changes only what the Reporter is told.
	Loads bool
}

// Reporter receives what a run does, from the goroutine that called [Train].
type Reporter interface {
	// Note is a sentence for the user: a warning, or what was found.
	Note(text string)
	// Stage says what begins, when it takes a while: "compiling the step".
	Stage(what string)
	// Step follows every training step: done of total.
	Step(done, total int)
	// Row and KNN are what went into metrics.jsonl.
	Row(run.Row)
	KNN(run.KNNRow)
}

// silent is the Reporter of those who want none.
type silent struct{}

func (silent) Note(string)    {}
func (silent) Stage(string)   {}
func (silent) Step(_, _ int)  {}
func (silent) Row(run.Row)    {}
func (silent) KNN(run.KNNRow) {}

// follower is the Reporter of a process that follows process 0, which tells of the run.
type follower struct {
	silent
	report Reporter
}

// Step implements [Reporter].
func (f follower) Step(done, total int) { f.report.Step(done, total) }

// Result is how a run ended.
type Result struct {
	// Steps is the number of steps done, over all parts of the run; Epochs the number of whole epochs.
	Steps, Epochs int
	// KNN holds the evaluations of the whole run, the one before training first; nothing where another process owns the
	// directory.
	KNN []run.KNNRow
	// Saving is what this part's checkpoints cost.
	Saving Saving
}

// Train runs a configuration to its end in its directory (Run.Dir), from the newest checkpoint there if there is
// one. A nil report receives nothing. It returns a [Result] also with an error once training has begun.
//
// A device that fails in a step is given the last checkpoint back, once per checkpoint. A checkpoint that cannot be
// written ends the run.
//
// The error is [ErrInterrupted] when the context ended, after the step in flight and a checkpoint; [ErrExpected] when a
// figure is not as expected; [ErrDiverged] when a figure is no longer a number, with the last checkpoint kept;
// [ErrOtherRun] when another of several processes was asked for another run;
// [run.ErrLocked], checkpoint.ErrDamaged and [run.ErrIncompatible] from the directory. The configuration and the data are
// checked before anything is written.
func Train(ctx context.Context, c run.Config, m Machine, report Reporter) (Result, error) {
	return train(ctx, c, m, report, durable.Disk{})
}

func train(ctx context.Context, c run.Config, m Machine, report Reporter, disk durable.FileSystem) (result Result, err error) {
	if report == nil {
		report = silent{}
	}
	talk := report
	if m.Peers != nil && m.Peers.Index() > 0 {
		report = follower{report: report}
	}
	// Only for the check: what is saved is what was asked for, since a run may go on on another engine.
	resolved := c
	resolved.Engine.Devices = m.Devices
	if err := resolved.Validate(); err != nil {
		if m.Peers != nil {
			err = fmt.Errorf("%w (devices are counted over all processes)", err)
		}
		return result, err
	}
	s := &session{config: c, machine: m, report: report, talk: talk, now: time.Now, start: time.Now(), savedAt: time.Now()}
	if err := s.openData(); err != nil {
		return result, err
	}
	if err := s.open(ctx, disk); err != nil {
		return result, errors.Join(err, s.closeData())
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.finished() {
		err = s.expected(ctx)
	} else {
		between, ask, end := s.agreed(ctx)
		defer end()
		s.askToStop = ask
		if err := s.build(between); err != nil {
			return result, err
		}
		err = s.run(between)
	}
	result.Steps, result.Epochs, result.Saving = s.done, s.done/s.perEpoch, s.saver.saving
	if !s.leads() {
		return result, err
	}
	_, knn, readErr := run.ReadMetrics(c.Run.Dir)
	result.KNN = knn
	return result, errors.Join(err, readErr)
}
