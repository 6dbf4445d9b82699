package step

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/mocotpu/mocotpu/models/moco"
)

const (
	// everyStep is the size of a state, in numbers, up to which every step of it is checked: it takes milliseconds.
	everyStep = 1 << 21
	// largeEvery: of a larger state, one step in so many is checked.
	largeEvery = 100
)

// checked does one step by run. A build with -tags invariants checks what the step made of the state; the error is then
// [moco.ErrInvariant] or [moco.ErrNotFinite]. Figures that are not finite are the caller's to find.
func (s *Step) checked(run func() (moco.Figures, error)) (moco.Figures, error) {
	if !Invariants || !s.checkDue() {
		return run()
	}
	if s.steps == 1 { // a program that is only compiled may be for devices that aren't there
		if err := s.definition.CheckShuffle(s.mesh); err != nil {
			return moco.Figures{}, err
		}
	}
	before, err := s.state()
	if err != nil {
		return moco.Figures{}, err
	}
	figures, err := run()
	if err != nil || !finite(figures) {
		return figures, err
	}
	after, err := s.state()
	if err != nil {
		return figures, err
	}
	return figures, s.check(before, after)
}

func (s *Step) check(before, after map[string]any) error {
	if err := s.definition.CheckChange(before, after); err != nil {
		return err
	}
	for v := range s.store.IterVariables() {
		if err := s.mesh.CheckReplicas(v); err != nil {
			return fmt.Errorf("step: %w: %w", moco.ErrInvariant, err)
		}
	}
	return nil
}

// checkDue counts the steps.
func (s *Step) checkDue() bool {
	size := 0
	for v := range s.store.IterVariables() {
		size += v.Shape().Size()
	}
	s.steps++
	return size <= everyStep || s.steps%largeEvery == 1
}

// state copies the state to the host, by the names of [Name].
func (s *Step) state() (map[string]any, error) {
	all := map[string]any{}
	for v := range s.store.IterVariables() {
		flat := dtypes.MakeAnySlice(v.DType(), v.Shape().Size())
		if err := s.Copy(flat, Name(v)); err != nil {
			return nil, err
		}
		all[Name(v)] = flat
	}
	return all, nil
}

func finite(figures moco.Figures) bool {
	for _, v := range figures {
		if v-v != 0 { // NaN for both
			return false
		}
	}
	return true
}
