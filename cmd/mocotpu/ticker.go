package main

import (
	"fmt"
	"io"
	"time"
)

// ticker tells a person how long something takes.
type ticker struct {
	w       io.Writer
	watched bool
}

func newTicker(w io.Writer) *ticker { return &ticker{w: w, watched: isTerminal(w)} }

// start says what begins; the function it returns says how it ended.
func (t *ticker) start(what string) func(verdict string) {
	begun := time.Now()
	if !t.watched {
		fmt.Fprintf(t.w, "%s ...\n", what)
		return func(verdict string) { fmt.Fprintf(t.w, "  %s, %s\n", verdict, time.Since(begun).Round(time.Second)) }
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			fmt.Fprintf(terminalOf(t.w), "\r\x1b[K%s, %s", quoted(what), time.Since(begun).Round(time.Second))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func(verdict string) {
		close(done)
		<-gone
		fmt.Fprintf(terminalOf(t.w), "\r\x1b[K%s: %s, %s\n", quoted(what), quoted(verdict), time.Since(begun).Round(time.Second))
	}
}
