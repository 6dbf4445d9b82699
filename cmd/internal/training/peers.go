package training

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
)

// firstCause is how long a process may take to hear why a run is over, and to end by itself after it has.
const firstCause = 5 * time.Second

// patience is how long the others wait for a process that is alive but does not reach a step. XLA waits as long.
const patience = 30 * time.Minute

// peers are the processes of a run, this one among them. Nil is this one alone.
type peers struct {
	*rendezvous.Meeting
}

// together joins the other processes, calls run, and ends as they do. The error is [rendezvous.ErrLost] where another
// process has ended the run; the process itself ends with [rendezvous.ExitLost] where run does not return then: XLA cannot
// be interrupted. A run that was signalled to stop, in any of the processes, is a [guard.Signalled] in all.
func together(ctx context.Context, c rendezvous.Config, talk io.Writer, run func(*peers) error) error {
	whom := "process 0"
	if c.Index == 0 {
		whom = fmt.Sprintf("%d other process(es)", c.Count-1)
	}
	fmt.Fprintf(talk, "waiting for %s at %s, %g minutes at most ...\n", whom, c.Coordinator, rendezvous.Patience.Minutes())
	c.Notice = func(text string) { fmt.Fprintln(talk, text) }
	meeting, err := rendezvous.Join(ctx, c)
	if errors.Is(err, rendezvous.ErrLost) {
		return lost(err)
	}
	if err != nil {
		return err
	}
	done := make(chan struct{})
	defer close(done)
	go endWith(meeting, talk, done)
	p := &peers{meeting}
	return p.end(run(p))
}

// endWith ends this process a while after its run is over because of another one, unless it is done by then.
func endWith(m *rendezvous.Meeting, talk io.Writer, done <-chan struct{}) {
	select {
	case <-m.Lost():
	case <-done:
		return
	}
	select {
	case <-time.After(firstCause):
	case <-done:
		return
	}
	fmt.Fprintln(talk, "mocotpu:", lost(m.Why()))
	os.Exit(rendezvous.ExitLost)
}

// lost says what to do about a run that another process has ended.
func lost(why error) error {
	return fmt.Errorf("%w; the same command in all processes goes on from the last checkpoint", why)
}

// end leaves the others as the run ended: together, or with the news of what failed here.
func (p *peers) end(err error) error {
	stop := p.Stopped()
	interrupted := errors.Is(err, train.ErrInterrupted) && stop != nil
	if err == nil || interrupted {
		if leaving := p.Leave(); leaving != nil {
			return lost(leaving)
		}
		if interrupted {
			return stopped{fmt.Errorf("%w (%s: %s)", err, p.Name(stop.By), stop.Cause), signalNamed(stop.Cause)}
		}
		return nil
	}
	var failed *xla.Error
	if errors.As(err, &failed) || errors.Is(err, rendezvous.ErrLost) { // the end of another process is an error of the engine's
		select {
		case <-p.Lost():
			return lost(p.Why())
		case <-time.After(firstCause):
		}
	}
	p.Abort(err.Error())
	return err
}

// stopped is the end of a run that a process was signalled to stop.
type stopped struct {
	error
	by guard.Signalled
}

// Unwrap returns both.
func (e stopped) Unwrap() []error { return []error{e.error, e.by} }

// signalNamed is the signal of a name that another process gave, an interruption where it is none.
func signalNamed(name string) guard.Signalled {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE} {
		if s.String() == name {
			return guard.Signalled{Signal: s}
		}
	}
	return guard.Signalled{Signal: syscall.SIGINT}
}

// watch reports processes that do not reach a step, and ends the run after patience. A nil p does nothing.
func (p *peers) watch(e *xla.Engine, notice func(text string)) error {
	if p == nil {
		return nil
	}
	return p.Meeting.Watch(e.Progress, patience, notice)
}

// engine tells an engine of the processes.
func (p *peers) engine() *xla.Processes {
	if p == nil {
		return nil
	}
	return &xla.Processes{Index: p.Index(), Count: p.Count(), Store: p.Meeting, Host: p.Host}
}

// trainer tells the trainer of the processes.
func (p *peers) trainer() train.Peers {
	if p == nil {
		return nil
	}
	return p
}

// follows tells whether another process shows the run.
func (p *peers) follows() bool { return p != nil && p.Index() > 0 }
