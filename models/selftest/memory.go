package selftest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// planned is how far the allocator may be from the compiler's plan, of the plan.
const planned = 0.05

// unknown leaves a check out where the engine does not say what it takes.
func unknown(err error) error {
	if errors.Is(err, ErrUnknown) {
		return cannot{err.Error()}
	}
	return err
}

// largeStep is that of the CIFAR preset: hundreds of megabytes, beside which an allocator's rounding is little.
func largeStep() (moco.Step, error) {
	c, err := run.Preset("cifar10")
	return c.Step(), err
}

// plansMemory runs a step on a fresh engine and compares the most that its allocator gave out with the compiler's plan.
func plansMemory(_ context.Context, s *session, r *Result) error {
	s.close() // the allocator counts from its beginning
	e, err := s.open(Opening{})
	if err != nil {
		return err
	}
	before, _, err := s.machine.Used(e)
	if err != nil {
		return unknown(err)
	}
	c, err := s.large()
	if err != nil {
		return err
	}
	const side, channels = 32, 3
	st, err := step.Compiled(e, 1, c, 1, side, channels)
	if err != nil {
		return err
	}
	defer st.Close()
	plan, err := s.machine.Planned(e)
	if err != nil {
		return unknown(err)
	}
	slot, err := st.NewSlot()
	if err != nil {
		return err
	}
	defer slot.Close()
	if err := slot.Fill(func(_ int, parts []any) error { return fill(parts, c) }); err != nil {
		return err
	}
	for range 2 {
		if _, err := st.Run(slot, 0); err != nil {
			return err
		}
	}
	_, most, err := s.machine.Used(e)
	if err != nil {
		return unknown(err)
	}
	return asPlanned(r, most-before, plan.Total())
}

// asPlanned judges the bytes that were used.
func asPlanned(r *Result, used, plan int64) error {
	off := math.Abs(float64(used)/float64(plan) - 1)
	r.note("planned bytes", float64(plan))
	r.note("used bytes", float64(used))
	r.worst("off", off, planned)
	if !(off <= planned) {
		return fmt.Errorf("the allocator gave out %d bytes at most, the plan is %d: %.1f %% off, want at most %.0f %%", used, plan, 100*off, 100*planned)
	}
	return nil
}

// huge is the elements of an array that no device holds: a tebibyte of float32.
const huge = 1 << 38

// survivesMemory asks for more memory than any device has, and for an ordinary step afterwards.
func survivesMemory(_ context.Context, s *session, _ *Result) error {
	e, err := s.open(Opening{})
	if err != nil {
		return err
	}
	err = s.outOfMemory(e)
	switch {
	case errors.As(err, new(cannot)):
		return err
	case err == nil:
		return fmt.Errorf("an array of %d bytes was made, want an error", int64(4*huge))
	case !s.machine.OutOfMemory(err):
		return fmt.Errorf("the error is not one of memory: %w", err)
	}
	t, err := s.trial(1, resnet.Float32)
	if err != nil {
		return fmt.Errorf("after it: %w", err)
	}
	if _, err := s.steps(t, 1, lr); err != nil {
		return fmt.Errorf("after it: %w", err)
	}
	return nil
}

// outOfMemory makes a huge array on an engine's first device, if its memory is its own.
func outOfMemory(e Engine) error {
	if e.HasSharedBuffers() {
		return cannotf("the %s engine's memory is the process's, which the system would end", e.EngineName())
	}
	m, err := mesh.New(e, 1)
	if err != nil {
		return err
	}
	scalar := mesh.Input{Shape: shapes.Make(dtypes.Float32), Replicated: true}
	p, err := m.Compile("huge", model.NewStore(), []mesh.Input{scalar}, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		return []*graph.Node{graph.BroadcastToDims(in[0], huge>>20, 1<<20)}
	})
	if err != nil {
		return err
	}
	defer p.Close()
	out, err := p.Run(tensors.FromScalar(float32(1)))
	if err != nil {
		return err
	}
	return out[0].FinalizeAll()
}
