package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// stages shows what a command of several parts is doing: a line each, or, where a person watches, a bar.
type stages struct {
	talk    io.Writer
	watched bool
	pulse   *pulse // nil where a person watches
	current *progressbar.ProgressBar
}

// newStages begins; close it.
func newStages(talk io.Writer) *stages {
	s := &stages{talk: talk, watched: isTerminal(talk)}
	if !s.watched {
		s.pulse = newPulse(talk, nil)
		s.talk = s.pulse
	}
	return s
}

// close ends what is shown.
func (s *stages) close() {
	s.end()
	if s.pulse != nil {
		s.pulse.end()
	}
}

// stage says what begins.
func (s *stages) stage(what string) {
	s.end()
	fmt.Fprintln(s.talk, what, "...")
	s.goesOn(func() string { return "still " + what })
}

// goesOn is what is printed when nothing else was for a while.
func (s *stages) goesOn(what func() string) {
	if s.pulse != nil {
		s.pulse.now(what)
	}
}

// note is a sentence for the user.
func (s *stages) note(text string) {
	s.end()
	fmt.Fprintln(s.talk, text)
}

// bar begins a stage whose length becomes known on the way.
func (s *stages) bar(what string) func(done, total int) {
	s.end()
	if !s.watched {
		fmt.Fprintln(s.talk, what, "...")
		var at, of atomic.Int64
		s.goesOn(func() string { return fmt.Sprintf("%s: %d of %d", what, at.Load(), of.Load()) })
		return func(done, total int) {
			at.Store(int64(done))
			of.Store(int64(total))
		}
	}
	return func(done, total int) {
		if s.current == nil {
			s.current = progressbar.NewOptions(total, progressbar.OptionSetWriter(s.talk), progressbar.OptionSetWidth(24),
				progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
				progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(200*time.Millisecond))
		}
		_ = s.current.Set(done)
	}
}

// end takes the bar away.
func (s *stages) end() {
	if s.current != nil {
		_ = s.current.Clear()
		s.current = nil
	}
}
