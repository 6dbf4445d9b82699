package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// probeTime is how long an engine may take to open: a TPU's library waits for its hardware.
const probeTime = 2 * time.Minute

// opened is what a probe finds.
type opened struct {
	Devices int
	Version string
	NoTPU   bool // libtpu is there, and no TPU
}

// probing is the job of opening an engine.
var probing = child.Job[string, opened]{Name: "probe"}

func newDoctor() *cobra.Command {
	var clear bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "List which engines work on this machine, and how to get the others",
		Long: "Opens every engine that is installed, and prints how to get the others.\n\n" +
			"Compiled programs are kept, so that the second start of a run, or of mocotpu compile, does not compile again. They\n" +
			"are in the folder that $MOCOTPU_CACHE names, else in ~/.cache/mocotpu/programs, up to 4 GB.\n" +
			"MOCOTPU_CACHE=off keeps none.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows := setup.Doctor(func(engine string) (int, string, error) { return probeEngine(cmd.Context(), engine) })
			if err := setup.WriteTable(cmd.OutOrStdout(), rows); err != nil {
				return err
			}
			if err := tellPrograms(cmd.OutOrStdout(), clear); err != nil {
				return err
			}
			for _, row := range rows {
				if row.Usable() {
					return nil
				}
			}
			return errors.New("no engine works")
		},
	}
	cmd.Flags().BoolVar(&clear, "clear-programs", false, "remove the compiled programs that are kept")
	return cmd
}

// serveProbe opens an engine, if this process was started for that.
func serveProbe() bool {
	return probing.Serve(func(_ context.Context, engine string) (opened, error) {
		e, err := xla.Open(engine, xla.Options{})
		if noTPU(err) {
			return opened{NoTPU: true}, nil
		}
		if err != nil {
			return opened{}, err
		}
		defer e.Close()
		return opened{Devices: e.NumDevices(), Version: e.PluginVersion()}, nil
	})
}

// probeEngine opens an engine in a child process: a plugin may abort its process, or wait for ever.
func probeEngine(ctx context.Context, engine string) (devices int, version string, err error) {
	found, err := probing.Ask(ctx, engine, probeTime)
	var ended *child.Error
	switch {
	case errors.Is(err, child.ErrLimit):
		return 0, "", fmt.Errorf("it did not open within %s", probeTime)
	case errors.As(err, &ended):
		return 0, "", fmt.Errorf("opening it ended the process: %w", err)
	case err != nil:
		return 0, "", err
	case found.NoTPU:
		return 0, "", fmt.Errorf("%w in this machine: it only compiles (mocotpu compile)", setup.ErrNoDevice)
	}
	return found.Devices, found.Version, nil
}
