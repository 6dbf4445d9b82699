package terminal

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/mocotpu/mocotpu/models/encoder"
)

// Stages shows what a command of several parts is doing: a line each, or, where a person watches, a bar. It is a
// judge.Progress.
type Stages struct {
	talk  io.Writer
	pulse *pulse // nil where a person watches
	bar   *bar   // nil where nobody does
}

// NewStages begins; close it.
func NewStages(talk io.Writer) *Stages {
	if watched(talk) {
		return &Stages{talk: talk, bar: newBar(talk)}
	}
	p := newPulse(talk)
	return &Stages{talk: p, pulse: p}
}

// Close ends what is shown.
func (s *Stages) Close() {
	s.End()
	if s.pulse != nil {
		s.pulse.end()
	}
}

// Note prints a sentence.
func (s *Stages) Note(text string) {
	s.End()
	fmt.Fprintln(s.talk, text)
}

// Stage names what begins, and returns the function that is called with the parts done, of all.
func (s *Stages) Stage(what string) encoder.Progress {
	s.End()
	fmt.Fprintln(s.talk, what, "...")
	if s.bar != nil {
		return func(done, total int) { s.bar.set(int64(done), int64(total), what) }
	}
	var at, of atomic.Int64
	s.pulse.now(func() string {
		if of.Load() == 0 {
			return "still " + what
		}
		return fmt.Sprintf("%s: %d of %d", what, at.Load(), of.Load())
	})
	return func(done, total int) {
		at.Store(int64(done))
		of.Store(int64(total))
	}
}

// End takes the bar of a stage away.
func (s *Stages) End() {
	if s.bar != nil {
		s.bar.clear()
		s.bar.drawn = nil
	}
}
