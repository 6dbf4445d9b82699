package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/mocotpu/mocotpu/models/encoder"
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

// Note implements [judge.Progress].
func (s *stages) Note(text string) {
	s.end()
	fmt.Fprintln(s.talk, text)
}

// Stage implements [judge.Progress]: a line, and a bar below it where a person watches and the length is known.
func (s *stages) Stage(what string) encoder.Progress {
	s.end()
	fmt.Fprintln(s.talk, what, "...")
	if s.watched {
		return func(done, total int) { s.draw(what, done, total) }
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

func (s *stages) draw(what string, done, total int) {
	if s.current == nil || s.current.GetMax() != total {
		s.end()
		s.current = progressbar.NewOptions(total, progressbar.OptionSetWriter(terminalOf(s.talk)), progressbar.OptionSetWidth(24),
			progressbar.OptionSetDescription(quoted(what)), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(200*time.Millisecond))
	}
	_ = s.current.Set(done) // a bar that cannot be drawn is no failure
}

// end takes the bar away.
func (s *stages) end() {
	if s.current != nil {
		_ = s.current.Clear()
		s.current = nil
	}
}
