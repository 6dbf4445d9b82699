package guard

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// Signalled is the cause of a context that a signal ended.
type Signalled struct{ syscall.Signal }

func (s Signalled) Error() string { return s.String() }

// Code is the exit code: 128 and the signal's number, as shells have it, so 143 for the SIGTERM that takes a
// pre-emptible machine away.
func (s Signalled) Code() int { return 128 + int(s.Signal) }

// Unsaved is true while the process has done work that is on no disk yet, so that it must not end at once: the steps of a
// run since its last checkpoint.
var Unsaved atomic.Bool

// grace is how long a command may take to end by itself after a signal, while nothing would be lost: within a second it has ended.
const grace = 700 * time.Millisecond

// Signals returns a context that the first signal ends: SIGINT, SIGTERM, SIGHUP (the terminal was closed; not under
// nohup) or SIGPIPE, if who read the output is gone. The command then has a moment to end by itself, or, where a run has
// unsaved steps, as long as their checkpoint takes. XLA cannot be interrupted while it compiles, and a file on a network
// may not answer: there is nothing to lose then, and the process ends without them. The second signal ends the process
// at once, always.
//
// The cause of the context's end is then a [Signalled]. The words for the user go to talk.
func Signals(parent context.Context, talk io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() {
		defer signal.Stop(signals)
		var first Signalled
		for first.Signal == 0 {
			select {
			case s := <-signals:
				if s != syscall.SIGPIPE || outputGone() {
					first = Signalled{s.(syscall.Signal)}
				}
			case <-ctx.Done():
				return
			}
		}
		cancel(first)
		if Unsaved.Load() {
			fmt.Fprintf(talk, "%s: writing a checkpoint after the step in flight; a second signal ends at once\n", first)
		}
		for deadline := time.After(grace); ; {
			select {
			case s := <-signals:
				if s != syscall.SIGPIPE { // another write to the same broken pipe is no wish of the user's
					os.Exit(Signalled{s.(syscall.Signal)}.Code())
				}
			case <-deadline:
				if !Unsaved.Load() {
					fmt.Fprintf(talk, "mocotpu: %s: ended at once, nothing was lost\n", first)
					os.Exit(first.Code())
				}
				deadline = nil
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}
