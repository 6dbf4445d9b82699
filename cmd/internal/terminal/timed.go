package terminal

import (
	"fmt"
	"io"
	"time"
)

// Timed says what begins, and where a person watches how long it takes so far; the function that it returns says how it
// ended.
func Timed(w io.Writer, what string) func(verdict string) {
	begun := time.Now()
	took := func() time.Duration { return time.Since(begun).Round(time.Second) }
	if !watched(w) {
		fmt.Fprintf(w, "%s ...\n", what)
		return func(verdict string) { fmt.Fprintf(w, "  %s, %s\n", verdict, took()) }
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			fmt.Fprintf(beneath(w), "\r\x1b[K%s, %s", quoted(what), took())
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
		fmt.Fprintf(beneath(w), "\r\x1b[K%s: %s, %s\n", quoted(what), quoted(verdict), took())
	}
}
