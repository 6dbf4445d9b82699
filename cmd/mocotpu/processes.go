package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// processFlags say that this process is one of several.
type processFlags struct {
	coordinator    string
	count, process int
}

func addProcessFlags(set *pflag.FlagSet) *processFlags {
	f := &processFlags{}
	set.StringVar(&f.coordinator, "coordinator", "", "HOST:PORT where process 0 listens, the same in all processes (default: found in the environment)")
	set.IntVar(&f.count, "processes", 0, "how many processes train the run, with --devices devices each (1: this one alone, whatever the environment says)")
	set.IntVar(&f.process, "process", 0, "number of this process, from 0")
	runflags.SetGroup(set, runflags.GroupProcesses, "coordinator", "processes", "process")
	return f
}

// config is what the flags say, or else the environment; several is false for a run of one process.
func (f *processFlags) config(flags *pflag.FlagSet) (c rendezvous.Config, several bool, err error) {
	given := flags.Changed("coordinator") || flags.Changed("process")
	switch {
	case f.count == 1 && !given:
		return c, false, nil
	case given || flags.Changed("processes"):
		if f.count < 2 || f.coordinator == "" || !flags.Changed("process") {
			return c, false, usageError{errors.New("several processes take --coordinator=HOST:PORT and --processes, the same in all, and --process")}
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
	if c.Secret, err = rendezvous.Secret(); err != nil {
		return c, false, usageError{err}
	}
	if err := c.Validate(); err != nil {
		return c, false, usageError{err}
	}
	return c, true, nil
}

// writeProcesses says what runs over several processes, and whether this process would be one of them.
func writeProcesses(w io.Writer) {
	fmt.Fprintf(w, "several processes: %s\n", setup.SeveralProcesses())
	found, several, err := rendezvous.Detect(os.Getenv)
	switch {
	case err != nil:
		fmt.Fprintf(w, "  the environment is incomplete: %v\n", err)
	case several:
		fmt.Fprintf(w, "  %s: process %d of %d, process 0 at %s\n", found.Launcher, found.Index, found.Count, found.Coordinator)
	}
}

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
			guard.Unsaved.Store(true) // as far as this process knows
			signals := make(chan os.Signal, 1)
			defer context.AfterFunc(cmd.Context(), func() {
				var s guard.Signalled
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

// exitedError is the end of processes that have said themselves what was wrong.
type exitedError struct{ code int }

func (e exitedError) Error() string { return fmt.Sprintf("exit code %d", e.code) }
