package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// firstCause is how long a process may take to hear why a run of several is over, and to end by itself after it has.
const firstCause = 5 * time.Second

// processFlags say that this process is one of several.
type processFlags struct {
	coordinator    string
	count, process int
}

func addProcessFlags(flags *pflag.FlagSet) *processFlags {
	f := &processFlags{}
	flags.StringVar(&f.coordinator, "coordinator", "", "of several processes: HOST:PORT where process 0 listens (default: found in the environment, see mocotpu doctor)")
	flags.IntVar(&f.count, "processes", 0, "of several processes: how many there are (1: this one alone, whatever the environment says)")
	flags.IntVar(&f.process, "process", 0, "of several processes: the number of this one, from 0; each has --devices devices")
	setGroup(flags, groupProcesses, "coordinator", "processes", "process")
	return f
}

// config is what the flags say, or else the environment; ok is false for a run of one process.
func (f *processFlags) config(flags *pflag.FlagSet) (c rendezvous.Config, ok bool, err error) {
	given := flags.Changed("coordinator") || flags.Changed("process")
	switch {
	case f.count == 1 && !given:
		return c, false, nil
	case flags.Changed("processes") || given:
		if f.count < 2 || f.coordinator == "" || !flags.Changed("process") {
			return c, false, usageError{errors.New("several processes take all of --coordinator=HOST:PORT, --processes and --process, the first two the same in all")}
		}
		c = rendezvous.Config{Coordinator: f.coordinator, Index: f.process, Count: f.count}
	default:
		found, several, err := rendezvous.Detect(os.Getenv)
		if err != nil {
			return c, false, usageError{err}
		}
		if !several {
			return c, false, nil
		}
		c = rendezvous.Config{Coordinator: found.Coordinator, Index: found.Index, Count: found.Count}
	}
	root, err := setup.Root()
	if err != nil {
		return c, false, err
	}
	if c.Secret, err = rendezvous.Secret(root); err != nil {
		return c, false, err
	}
	if err := c.Validate(); err != nil {
		return c, false, usageError{err}
	}
	return c, true, nil
}

// peers are the processes of a run, for the trainer; nil are none but this one.
type peers struct {
	*rendezvous.Meeting
	stop *rendezvous.Stop // how the run was stopped
}

// Stop implements [train.Peers].
func (p *peers) Stop(done int) (bool, error) {
	stop, err := p.Meeting.Stop(done)
	if stop != nil {
		p.stop = stop
	}
	return stop != nil, err
}

// together runs f with the other processes of the run, where there are any, and ends with them. A process whose run is over
// because of another one ends though f does not: XLA cannot be interrupted.
func (f *processFlags) together(cmd *cobra.Command, run func(*peers) error) error {
	config, several, err := f.config(cmd.Flags())
	if err != nil {
		return err
	}
	if !several {
		return run(nil)
	}
	if config.Index == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "waiting for %d other process(es) at %s ...\n", config.Count-1, config.Coordinator)
	}
	meeting, err := rendezvous.Join(cmd.Context(), config)
	if err != nil {
		return usageError{err}
	}
	done := make(chan struct{})
	defer close(done)
	go endWith(meeting, cmd.ErrOrStderr(), done)
	p := &peers{Meeting: meeting}
	return p.end(run(p))
}

// endWith ends this process a while after its run is over because of another one, unless it is done by then.
func endWith(m *rendezvous.Meeting, talk io.Writer, done <-chan struct{}) {
	for _, wait := range []<-chan struct{}{m.Lost(), after(firstCause)} {
		select {
		case <-wait:
		case <-done:
			return
		}
	}
	tell(talk, lost(m.Why()))
	os.Exit(rendezvous.ExitLost)
}

func after(d time.Duration) <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
}

// lost says what to do about a run that another process has ended.
func lost(why error) error {
	return fmt.Errorf("%w; the same command in all processes goes on from the last checkpoint", why)
}

// end leaves the others as the run ended: together, or with the news of what failed here.
func (p *peers) end(err error) error {
	interrupted := errors.Is(err, train.ErrInterrupted) && p.stop != nil
	if err == nil || interrupted {
		if leaving := p.Leave(); leaving != nil {
			return lost(leaving)
		}
		if interrupted {
			return stoppedError{fmt.Errorf("%w (%s: %s)", err, p.Name(p.stop.By), p.stop.Cause), signalNamed(p.stop.Cause)}
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
	p.Abort(message(err))
	return err
}

// stoppedError is the end of a run that a process was signalled to stop.
type stoppedError struct {
	error
	by signalled
}

func (e stoppedError) Unwrap() []error { return []error{e.error, e.by} }

// signalNamed is the signal of a name that another process gave, an interruption where it is none.
func signalNamed(name string) signalled {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE} {
		if s.String() == name {
			return signalled{s}
		}
	}
	return signalled{syscall.SIGINT}
}

// engine tells the engine of the processes.
func (p *peers) engine() *xla.Processes {
	if p == nil {
		return nil
	}
	return &xla.Processes{Index: p.Index(), Count: p.Count(), Store: p.Meeting, Host: p.Host()}
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

func newLaunch() *cobra.Command {
	count := 2
	cmd := &cobra.Command{
		Use:   "launch --processes=2 -- train ...",
		Short: "Start a run of several processes on this machine",
		Long: "Starts so many processes of the command behind --, which train one run together, as on several hosts. Process 0 shows\n" +
			"the run; the lines of the others have their number in front. When one fails all end.",
		Example: "  mocotpu launch --processes=2 -- train --backend=cpu",
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 1 || len(args) == 0 || args[0] != "train" {
				return usageError{fmt.Errorf("launch of %d processes of %q, want at least one of mocotpu train, behind --", count, args)}
			}
			program, err := os.Executable()
			if err != nil {
				return err
			}
			signals := make(chan os.Signal, 1)
			unsaved.Store(true) // as far as this process knows
			defer context.AfterFunc(cmd.Context(), func() {
				var s signalled
				if errors.As(context.Cause(cmd.Context()), &s) {
					signals <- s.Signal
				}
			})()
			code, err := rendezvous.Launch{
				Processes: count, Args: append([]string{program}, args...),
				Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(), Signals: signals,
			}.Run()
			if err != nil || code == 0 {
				return err
			}
			return exitedError{code}
		},
	}
	cmd.Flags().IntVar(&count, "processes", count, "how many processes to start")
	return cmd
}

// exitedError is the end of a process that has said itself what was wrong.
type exitedError struct{ code int }

func (e exitedError) Error() string { return fmt.Sprintf("exit code %d", e.code) }
