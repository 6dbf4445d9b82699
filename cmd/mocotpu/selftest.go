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

	"github.com/mocotpu/mocotpu/cmd/mocotpu/bench"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/selftest"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/programs"
)

func newSelftest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Find out whether an engine computes what it should on this machine, in ten minutes at most",
		Long: "Holds an engine to numbers that PyTorch and torchvision recorded, to the Go engine, to itself on one device and in a\n" +
			"second run, bit for bit, to the compiler's plan of its memory, and to running out of memory, a second start and a\n" +
			"power cut. Then it times the presets, which is not judged. It reads no files and no network. What an engine cannot be\n" +
			"put to is skipped, with the reason. Exit code 1: a check failed.",
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
	force := flags.Bool("force", false, "write over the file that --json names")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkBackend(choice.Backend); err != nil {
			return usageError{err}
		}
		if *out != "" {
			if err := refuseExisting(*force, *out); err != nil {
				return err
			}
		}
		return selfTest(cmd, *choice, *out, *python)
	}
	return cmd
}

func selfTest(cmd *cobra.Command, choice engine.Config, out, python string) error {
	watch := newStages(cmd.ErrOrStderr())
	defer watch.close()
	m, err := machineUnderTest(choice)
	if err != nil {
		return err
	}
	r, err := selftest.Run(cmd.Context(), m, func(name string) { watch.Stage(name) })
	if err != nil {
		return withoutTPU(err)
	}
	r.Command, r.Machine, r.Versions = commandLine(cmd), bench.ThisMachine(), built()
	if python != "" {
		watch.Stage("PyTorch and JAX")
		if r.Peers, err = peersOf(cmd.Context(), watch.talk, r.Engine, choice, python); err != nil {
			watch.Note(fmt.Sprintf("PyTorch and JAX are left out: %v", err))
		}
	}
	watch.end()
	return conclude(cmd, r, out)
}

// conclude prints the report and writes it to out, unless that is "". The error names the checks that failed.
func conclude(cmd *cobra.Command, r *selftest.Report, out string) error {
	err := r.WriteTable(cmd.OutOrStdout())
	if err == nil && out != "" {
		err = writeWhole(out, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(r)
		})
	}
	if failed := r.Failed(); len(failed) > 0 {
		err = errors.Join(err, fmt.Errorf("selftest: failed: %s", strings.Join(failed, "; ")))
	}
	return errors.Join(err, cmd.Context().Err())
}

// machineUnderTest is this machine with the engine that was chosen.
func machineUnderTest(choice engine.Config) (selftest.Machine, error) {
	self, err := os.Executable()
	if err != nil {
		return selftest.Machine{}, err
	}
	train := []string{self, "train"}
	if choice.Plugin != "" {
		train = append(train, "--plugin="+choice.Plugin)
	}
	return selftest.Machine{
		Train: train,
		Open: func(o selftest.Opening) (selftest.Engine, error) {
			options := engineOptions(choice)
			options.TF32 = o.TF32
			if o.Programs != "" {
				options.Programs = &programs.Store{Dir: o.Programs}
			}
			return xla.Open(choice.Backend, options)
		},
		Planned: func(e selftest.Engine) (selftest.Memory, error) {
			all := e.(*xla.Engine).Programs()
			m, err := all[len(all)-1].Memory()
			return selftest.Memory{Arguments: m.Arguments, Outputs: m.Outputs, Aliased: m.Aliased, Temporaries: m.Temporaries}, unsaid(err)
		},
		Used: func(e selftest.Engine) (now, most int64, err error) {
			m, err := e.(*xla.Engine).DeviceMemory(0)
			if err == nil && m.Peak < 0 {
				err = selftest.ErrUnknown
			}
			return m.Used, m.Peak, unsaid(err)
		},
		OutOfMemory: func(err error) bool {
			var failed *xla.Error
			return errors.As(err, &failed) && failed.Code == xla.ResourceExhausted
		},
	}, nil
}

// unsaid marks what an engine does not offer.
func unsaid(err error) error {
	var failed *xla.Error
	if errors.Is(err, xla.ErrReleased) || errors.As(err, &failed) && failed.Code == xla.Unimplemented {
		return fmt.Errorf("%w: %w", selftest.ErrUnknown, err)
	}
	return err
}

// peersOf times PyTorch and JAX beside the engine: CIFAR-10's step, or on a CPU that of the smallest preset.
func peersOf(ctx context.Context, talk io.Writer, name string, choice engine.Config, python string) (*bench.Report, error) {
	preset := "cifar10"
	if name == "cpu" || name == "go" {
		preset = run.DefaultPreset
	}
	c, err := run.Preset(preset)
	if err != nil {
		return nil, err
	}
	c.Engine = choice
	c.Engine.Backend = name
	return bench.Peers(ctx, c, bench.Options{
		Engines: benchEngines, Built: built(), Talk: talk, Repeat: 5, Python: python, JAXPython: python, Limit: 150 * time.Second,
	})
}
