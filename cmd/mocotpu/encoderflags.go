package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// addEngineFlags declares the flags that choose an engine.
func addEngineFlags(flags *pflag.FlagSet) *engine.Config {
	e := &engine.Config{}
	flags.StringVar(&e.Backend, "backend", "auto", "engine: "+strings.Join(engine.Backends, ", "))
	flags.IntVar(&e.Devices, "devices", 0, "devices to use (0: one on the CPU, else all)")
	flags.StringVar(&e.Plugin, "plugin", "", "path of a PJRT plugin to use instead of the installed one")
	return e
}

// oneEncoder takes the run directory or file that a command reads.
func oneEncoder(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%d arguments, want one: a run directory, or a file of export or import; see %s --help", len(args), cmd.CommandPath())}
	}
	return nil
}

// loadEncoder reads it; what it passed over is told.
func loadEncoder(cmd *cobra.Command, path string) (*encoder.Weights, error) {
	w, err := encoder.Load(path)
	if err != nil {
		return nil, usageError{err}
	}
	for _, note := range w.Notes {
		fmt.Fprintln(cmd.ErrOrStderr(), note)
	}
	return w, nil
}
