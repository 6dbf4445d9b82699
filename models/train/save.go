package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
)

// checkpointInterval is how long a run goes without a checkpoint, where its configuration leaves that to the epochs.
const checkpointInterval = 10 * time.Minute

func (s *session) checkpointDue() bool {
	if s.done == 0 {
		return false
	}
	every := s.config.Run.CheckpointEvery
	if every == 0 {
		if s.saved < s.done && s.now().Sub(s.savedAt) >= checkpointInterval {
			return true
		}
		every = s.perEpoch
	}
	return s.done >= s.total || s.done%every == 0
}

// save starts to write a checkpoint of the steps done, unless there is one. It returns the error of the one before it;
// that of its own comes from the saver.
func (s *session) save() error {
	if err := s.saver.wait(); err != nil {
		return err
	}
	if s.saved == s.done {
		return nil
	}
	if !s.leads() {
		s.saved, s.savedAt = s.done, s.now()
		return nil
	}
	state, err := s.state()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := s.snapshot.take(s.step); err != nil {
		return err
	}
	s.saver.saving.Waited += time.Since(start)
	s.saved, s.savedAt = s.done, s.now()
	files, order, metrics, keep, scores := s.snapshot.files, s.order, s.metrics, s.config.Run.Keep, maps.Clone(s.scores)
	s.saver.start(s.snapshot.bytes(), func() error {
		// Such numbers must not push out those of a good checkpoint, whatever made them.
		if what := s.snapshot.notFinite(order); what != "" {
			return fmt.Errorf("train: the checkpoint of step %d is not written: %w: %s is not finite; the one before it is kept; %s",
				state.Step, ErrDiverged, what, divergedAdvice)
		}
		if err := metrics.Sync(); err != nil {
			return fmt.Errorf("train: metrics: %w", err)
		}
		return s.dir.Save(files, state, keep, scores)
	})
	return nil
}

// state is what a checkpoint of the steps done holds beside the tensors.
func (s *session) state() (checkpoint.State, error) {
	state := checkpoint.State{
		Step: s.done, Epoch: s.done / s.perEpoch, StepInEpoch: s.done % s.perEpoch,
		Seed: s.config.Run.Seed, Versions: s.machine.Versions,
	}
	var err error
	if state.Config, err = json.Marshal(s.config); err == nil {
		state.Unlogged, err = json.Marshal(s.sums)
	}
	if err != nil {
		return state, fmt.Errorf("train: state: %w", err)
	}
	return state, nil
}

// goOnFrom takes over where a checkpoint stands, and the rows of metrics up to there.
func (s *session) goOnFrom(c *checkpoint.Checkpoint) error {
	for _, n := range c.Notes {
		s.report.Note(n)
	}
	s.done, s.saved = c.State.Step, c.State.Step
	if err := json.Unmarshal(c.State.Unlogged, &s.sums); err != nil {
		return fmt.Errorf("train: %s: unlogged: %w", c.Dir, err)
	}
	return s.openMetrics()
}

// openMetrics opens metrics.jsonl after the steps done, and remembers the evaluations in it.
func (s *session) openMetrics() (err error) {
	if s.metrics, err = s.dir.Metrics(s.done); err != nil {
		return err
	}
	s.scores = checkpoint.Scores{}
	_, knn, err := run.ReadMetrics(s.dir.Path())
	for _, row := range knn {
		s.scores[row.Step] = s.config.Run.Score(row)
	}
	return err
}
