package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/cmd/mocotpu/bench"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/selftest"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

func newSelftest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Find out whether an engine computes what it should on this machine, in ten minutes at most",
		Long: "Holds an engine to numbers that PyTorch and torchvision recorded, to the Go engine, to itself on one device and in a\n" +
			"second run, bit for bit, to the compiler's plan of its memory, and to running out of memory, a second start and a\n" +
			"power cut. Then it times the presets, which is not judged. It reads no files and no network. What an engine cannot be\n" +
			"put to is skipped, with the reason. Exit code 1: a check failed, or had no time left.",
		Example: "  mocotpu selftest --backend=cuda --json=selftest.json      # attach the file to a report\n" +
			"  mocotpu selftest --backend=cpu --devices=8\n" +
			"  mocotpu selftest --backend=cuda --python=/opt/torch/bin/python --json=selftest.json",
		Args: noArguments,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	choice := addEngineFlags(flags)
	out := flags.String("json", "", "file to write the report to: versions, machine, figures and limits")
	python := flags.String("python", "", "Python to look for PyTorch and JAX in, whose speed is measured as well")
	limit := flags.Duration("time-limit", 10*time.Minute, "what has not begun by then counts as failed")
	force := flags.Bool("force", false, "write over the file that --json names")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		self, err := os.Executable()
		if err = errors.Join(err, checkBackend(choice.Backend)); err != nil {
			return settings.Invalid(err)
		}
		if *limit <= 0 {
			return settings.Invalid(fmt.Errorf("--time-limit %v: want more than 0", *limit))
		}
		if err := mayWrite(*force, nil, given(*out)...); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), *limit)
		defer cancel()
		watch := terminal.NewStages(cmd.ErrOrStderr())
		defer watch.Close()
		r, err := selftest.Run(ctx, machine.UnderTest(*choice, self), func(name string) { watch.Stage(name) })
		if err != nil {
			return withoutTPU(err)
		}
		r.Command, r.Machine, r.Versions = commandLine(cmd), bench.ThisMachine(), run.Built()
		if *python != "" {
			watch.Stage("PyTorch and JAX")
			peers, err := bench.Beside(ctx, r.Engine, *choice, bench.Options{
				Engines: benchEngines, Built: run.Built(), Talk: io.Discard, Python: *python, JAXPython: *python,
			})
			if err == nil {
				r.Peers = peers
			} else {
				watch.Note(fmt.Sprintf("PyTorch and JAX are left out: %v", err))
			}
		}
		watch.End()
		return conclude(cmd, r, *out)
	}
	return cmd
}

// conclude prints the report and writes it to out, unless that is "". The error names the checks that failed.
func conclude(cmd *cobra.Command, r *selftest.Report, out string) error {
	err := r.WriteTable(cmd.OutOrStdout())
	if err == nil && out != "" {
		err = writeWhole(out, func(w io.Writer) error { return json.NewEncoder(w).Encode(r) })
	}
	if failed := r.Failed(); len(failed) > 0 {
		err = errors.Join(err, fmt.Errorf("selftest: failed: %s", strings.Join(failed, "; ")))
	}
	return errors.Join(err, cmd.Context().Err())
}
