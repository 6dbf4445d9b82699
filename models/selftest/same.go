package selftest

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // the reference

	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// Steps of a comparison, and their learning rate. Rounding grows with both.
const (
	steps = 5
	lr    = 0.001
)

func smallStep() (moco.Step, error) { return trial.Small(), nil }

// smallOn compiles the small step in a precision on so many devices of a backend.
func (s *session) smallOn(b compute.Backend, devices int, precision string) (*trial.Trial, error) {
	c, err := s.small()
	if err != nil {
		return nil, err
	}
	c.Encoder.Precision = precision
	return trial.New(b, devices, c)
}

func keyOf(devices int, precision string) string { return fmt.Sprintf("%d %s", devices, precision) }

// trial is the small step on so many devices of the open engine, compiled once.
func (s *session) trial(devices int, precision string) (*trial.Trial, error) {
	key := keyOf(devices, precision)
	if t, ok := s.trials[key]; ok {
		return t, nil
	}
	t, err := s.smallOn(s.engine, devices, precision)
	if err != nil {
		return nil, err
	}
	s.trials[key] = t
	if m, err := s.machine.Planned(s.engine); err == nil {
		s.plans[key] = m
	} else if !errors.Is(err, ErrUnknown) {
		return nil, err
	}
	return t, nil
}

// most is the largest number of the engine's devices that divides the small step's BatchNorm groups.
func (s *session) most() int {
	n := min(s.engine.NumDevices(), trial.Small().Groups)
	for trial.Small().Groups%n != 0 {
		n--
	}
	return n
}

// goFollows compares with the Go engine, in float32 there.
func goFollows(_ context.Context, s *session, r *Result, precision string) error {
	e, err := s.forPrecision(precision)
	if err != nil {
		return err
	}
	if e.EngineName() == "go" {
		return cannotf("it is the Go engine")
	}
	t, err := s.trial(1, precision)
	if err != nil {
		return err
	}
	got, err := s.steps(t.Conditioned(), steps, lr)
	if err != nil {
		return err
	}
	reference, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		return err
	}
	defer reference.Finalize()
	on, err := s.smallOn(reference, 1, resnet.Float32)
	if err != nil {
		return err
	}
	defer on.Close()
	want, err := on.Conditioned().Run(steps, lr)
	if err != nil {
		return err
	}
	return r.compare(got, want, toleranceOf[arithmetic(e.EngineName(), precision)].elsewhere)
}

// compare notes how far two runs are apart.
func (r *Result) compare(got, want trial.Run, limits trial.Limits) error {
	worst, err := trial.Compare(got, want, limits)
	for kind, d := range worst {
		limit := limits.State
		switch kind {
		case "loss":
			limit = limits.Loss
		case moco.MomentumScope:
			limit = limits.Gradient
		}
		r.worst(kind, d, limit)
	}
	return err
}

// devicesAgree compares as many devices as the step can use with one.
func devicesAgree(_ context.Context, s *session, r *Result) error {
	e, err := s.open(Opening{})
	if err != nil {
		return err
	}
	most := s.most()
	if most == 1 {
		return cannotf("%d device(s): there is nothing to compare; --devices asks for more, on the cpu engine of any machine", e.NumDevices())
	}
	r.note("devices", float64(most))
	var runs [2]trial.Run
	for i, devices := range []int{most, 1} {
		t, err := s.trial(devices, resnet.Float32)
		if err != nil {
			return err
		}
		if runs[i], err = s.steps(t.Conditioned(), steps, lr); err != nil {
			return fmt.Errorf("%d device(s): %w", devices, err)
		}
	}
	return r.compare(runs[0], runs[1], toleranceOf[arithmetic(e.EngineName(), resnet.Float32)].elsewhere)
}

// repeats runs the same steps twice, on one device and on all.
func repeats(_ context.Context, s *session, r *Result) error {
	if _, err := s.open(Opening{}); err != nil {
		return err
	}
	for _, devices := range s.counts() {
		t, err := s.trial(devices, resnet.Float32)
		if err != nil {
			return err
		}
		first, err := s.steps(t, steps, 0.05)
		if err != nil {
			return err
		}
		second, err := s.steps(t, steps, 0.05)
		if err != nil {
			return err
		}
		if err := trial.Same(second, first); err != nil {
			return fmt.Errorf("%d device(s): %w", devices, err)
		}
		r.note("devices", float64(devices))
	}
	return nil
}

// counts are the numbers of devices to look at: one, and the most.
func (s *session) counts() []int {
	if most := s.most(); most > 1 {
		return []int{1, most}
	}
	return []int{1}
}

// donates asks the compiler how much of the step's output takes over the memory of its input: all of the state should.
func donates(_ context.Context, s *session, r *Result) error {
	if _, err := s.open(Opening{}); err != nil {
		return err
	}
	for _, devices := range s.counts() {
		t, err := s.trial(devices, resnet.Float32)
		if err != nil {
			return err
		}
		m, ok := s.plans[keyOf(devices, resnet.Float32)]
		if !ok {
			return cannot{ErrUnknown.Error()}
		}
		state := t.Store().ByteSize()
		r.note("state bytes", float64(state))
		r.note("aliased bytes", float64(m.Aliased))
		if m.Aliased != state {
			return fmt.Errorf("%d device(s): %d bytes are updated in place, want all %d of the state", devices, m.Aliased, state)
		}
	}
	return nil
}
