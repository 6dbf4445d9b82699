package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// stages shows what a command of several parts is doing: a line each, or, where a person watches, a bar.
type stages struct {
	talk    io.Writer
	watched bool
	current *progressbar.ProgressBar
}

func newStages(talk io.Writer) *stages { return &stages{talk: talk, watched: isTerminal(talk)} }

// stage says what begins.
func (s *stages) stage(what string) {
	s.end()
	fmt.Fprintln(s.talk, what, "...")
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
		return func(int, int) {}
	}
	return func(done, total int) {
		if s.current == nil {
			s.current = progressbar.NewOptions(total, progressbar.OptionSetWriter(terminalOf(s.talk)), progressbar.OptionSetWidth(24),
				progressbar.OptionSetDescription(quoted(what)), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
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
