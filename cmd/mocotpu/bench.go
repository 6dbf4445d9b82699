package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench", Short: "Time training and the reading of images on this machine, beside PyTorch and JAX", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchPeers(), newBenchStep(), newBenchData(), newBenchTrain())
	return cmd
}

// benchHead is how the report of every bench begins.
type benchHead struct {
	Command string       `json:"command"`
	Machine benchMachine `json:"machine"`
}

func (h *benchHead) setCommand(command string) { h.Command = command }

// line is the table's first line: the machine, what else there is to say, the command.
func (h *benchHead) line(more ...string) string {
	m := h.Machine
	parts := append([]string{fmt.Sprintf("machine: %s, %d cores, %s, load %.1f at the start", m.CPU, m.Cores, m.OS, m.Load)}, more...)
	return strings.Join(append(parts, "command: "+h.Command), "; ") + "\n"
}

// benchReporter is a report with its head.
type benchReporter interface {
	setCommand(command string)
	writeTable(w io.Writer) error
}

// printsBench makes cmd print what measure reports, as a table, or as JSON with --json.
func printsBench(cmd *cobra.Command, measure func(cmd *cobra.Command) (benchReporter, error)) {
	asJSON := cmd.Flags().Bool("json", false, "print the report as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		report, err := measure(cmd)
		if err != nil {
			return err
		}
		report.setCommand(commandLine(cmd))
		if !*asJSON {
			return report.writeTable(cmd.OutOrStdout())
		}
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
		return err
	}
}

// countsUsage explains --counts.
const countsUsage = "numbers of devices (default --devices, or 1 and 8, fewer where the engine or --bn-groups want it)"

// benchOptions are the flags of `bench step` that are not the configuration's.
type benchOptions struct {
	counts []int
	repeat int
}

func newBenchStep() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "step",
		Short: "Time one training step on one device and on several, and say what the views cost of it",
		Long: "Compiles the configuration's training step for each number of devices and times it over noise, from uint8\n" +
			"images on the host to the updated state; no data set is read. One step warms up. On the CPU the devices\n" +
			"are virtual: eight of them share the cores of one, and what they take longer is the price of being eight.\n\n" +
			"The step with plain views (images scaled, nothing random) leaves out the augmentation, which is part of our\n" +
			"step and elsewhere belongs to the data loader: see bench peers.",
		Example: "  mocotpu bench step\n" +
			"  mocotpu bench step --preset=cifar10 --batch=64 --counts=1,2,8 --repeat=5 --json",
		Args: noArguments,
	}
	flags := addConfigFlags(cmd.Flags())
	var o benchOptions
	cmd.Flags().IntSliceVar(&o.counts, "counts", nil, countsUsage)
	cmd.Flags().IntVar(&o.repeat, "repeat", 10, "timed steps of each program")
	printsBench(cmd, func(cmd *cobra.Command) (benchReporter, error) {
		config, err := flags.resolve(cmd.Flags())
		if err != nil {
			return nil, err
		}
		if o.repeat < 1 {
			return nil, usageError{fmt.Errorf("--repeat %d, want at least 1", o.repeat)}
		}
		return bench(cmd.Context(), config, o, cmd.ErrOrStderr())
	})
	return cmd
}

// bench measures everything, one program after the other, so that none takes another's cores.
func bench(ctx context.Context, config run.Config, o benchOptions, talk io.Writer) (*benchReport, error) {
	config, counts, err := benchCounts(config, o.counts, openHere)
	if err != nil {
		return nil, err
	}
	step, err := benchStepOf(config)
	if err != nil {
		return nil, err
	}
	views, err := presetViews(config)
	if err != nil {
		return nil, usageError{err}
	}
	report := newBenchReport(config)
	kinds := []benchViews{views, plainViews(config)}
	for _, n := range counts {
		if err := benchEngine(ctx, report, step, kinds, n, o.repeat, talk); err != nil {
			return nil, err
		}
		kinds = kinds[:1] // the plain views once: the first engine says what the others cost
	}
	return report, nil
}

// benchStepOf is the configuration's step; one that cannot be is the user's to mend.
func benchStepOf(c run.Config) (moco.Step, error) {
	step, err := c.Step()
	if err == nil {
		err = step.Validate()
	}
	if err != nil {
		return step, usageError{err}
	}
	return step, nil
}

// benchEngine opens a fresh engine of n devices and times the step there with each kind of views.
func benchEngine(ctx context.Context, report *benchReport, step moco.Step, kinds []benchViews, n, repeat int, talk io.Writer) error {
	config := report.Config
	config.Engine.Devices = n
	engine, err := openFor(config, nil)
	if err != nil {
		return err
	}
	defer engine.Close()
	report.Engine.Version = engine.PluginVersion()
	for _, views := range kinds {
		fmt.Fprintf(talk, "%s, %d device(s), %s views: compiling, then %d steps ...\n", engine.EngineName(), n, views.name, repeat)
		row, err := timeSteps(ctx, engine, step, views, n, repeat, config)
		if err != nil {
			return explainMemory(talk, engine, config, err)
		}
		report.add(row)
	}
	return nil
}

// openHere opens the configuration's engine in this process and tells of it.
func openHere(config run.Config) (benchEngineInfo, error) {
	engine, err := openFor(config, nil)
	if err != nil {
		return benchEngineInfo{}, err
	}
	defer engine.Close()
	return benchEngineInfo{engine.EngineName(), engine.PluginVersion(), engine.NumDevices()}, nil
}

// benchCounts settles which engine and which numbers of devices are timed. What can't be told without the engine, it
// learns from opening it by open.
func benchCounts(config run.Config, counts []int, open func(run.Config) (benchEngineInfo, error)) (run.Config, []int, error) {
	available := 8
	if config.Engine.Backend != "cpu" && config.Engine.Backend != "go" {
		engine, err := open(config)
		if err != nil {
			return config, nil, err
		}
		config.Engine.Backend = engine.Name
		if engine.Name != "cpu" {
			available = engine.Devices
		}
	}
	if config.Engine.Backend == "go" {
		available = 1
	}
	switch {
	case len(counts) > 0:
	case config.Engine.Devices > 0:
		counts = []int{config.Engine.Devices}
	default:
		most := min(available, config.MoCo.Groups)
		for config.MoCo.Groups%most != 0 {
			most--
		}
		counts = slices.Compact([]int{1, most})
	}
	var errs []error
	for i, n := range counts {
		if n < 1 || slices.Contains(counts[:i], n) {
			errs = append(errs, fmt.Errorf("--counts %d, want numbers of devices above 0, each once", n))
			continue
		}
		c := config
		c.Engine.Devices = n
		if err := c.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("--counts %d: %w", n, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return config, nil, usageError{err}
	}
	return config, counts, nil
}

// commandLine is the command with the flags that were given.
func commandLine(cmd *cobra.Command) string {
	words := []string{cmd.CommandPath()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		words = append(words, "--"+f.Name+"="+strings.Trim(f.Value.String(), "[]"))
	})
	return strings.Join(words, " ")
}
