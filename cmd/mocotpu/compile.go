package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// compileFlags are those of compile that train does not have.
type compileFlags struct {
	topologies []string
	perDevice  int
	json       bool
	emit, out  string
	save       string
	force      bool
	fit        bool
	limit      time.Duration
}

// emits are the values of --emit.
var emits = []string{"report", plan.StableHLO, plan.HLO}

func newCompile() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compile",
		Short: "Compile the training step, for TPUs or GPUs that need not be there, and report what it needs",
		Long: "Compiles the step that train runs with the same flags, for a TPU slice or NVIDIA GPUs (--topology, through libtpu\n" +
			"or the CUDA plugin, without a TPU, a GPU or a driver) or for an engine of this machine (--backend), and reports: the\n" +
			"memory of a device against what it has, the largest temporaries and their layers, the exchanges among devices, the\n" +
			"time of a step were everything ideal, and the kernels that GPUs run.\n" +
			"h100x8 is eight GPUs of a host, h100x8x2 two such hosts; mocotpu setup cuda --compile-only installs what that takes.\n" +
			"Several targets make a table. What was compiled is kept with the other compiled programs (see mocotpu doctor --help);\n" +
			"asking again is quick, and MOCOTPU_CACHE=off compiles anew. --save keeps the step itself in a file that train\n" +
			"--program loads, on this machine or a TPU, in place of compiling. Exit code 3: it does not fit.",
		Example: "  mocotpu compile --preset=moco-v1 --topology=v3-8\n" +
			"  mocotpu compile --preset=moco-v1 --topology=v2-8,v3-8,v5e-8\n" +
			"  mocotpu compile --preset=moco-v1 --topology=v3-32 --per-device=32\n" +
			"  mocotpu compile --preset=moco-v2 --topology=v3-8,h100x8,a100x8 --precision=bfloat16\n" +
			"  mocotpu compile --preset=moco-v1 --topology=v2-8 --batch=4096 --fit\n" +
			"  mocotpu compile --backend=cpu --devices=8 --emit=hlo --out=step.txt\n" +
			"  mocotpu compile --preset=moco-v2 --topology=v3-8 --save=step.mocotpu",
		Args: noArguments,
	}
	configuration := runflags.Add(cmd.Flags())
	var f compileFlags
	cmd.Flags().StringSliceVar(&f.topologies, "topology", nil, "what to compile for: TPU slices such as v3-8, or v5e:2x4 in libtpu's words; GPUs such as h100x8")
	cmd.Flags().IntVar(&f.perDevice, "per-device", 0, "images a device: sets the batch, and a BatchNorm group for each device and micro-batch, to go with the target")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the report as JSON, one object a target")
	cmd.Flags().StringVar(&f.emit, "emit", emits[0], "what to print: "+strings.Join(emits, ", ")+"; stablehlo is the program before XLA, hlo after")
	cmd.Flags().StringVar(&f.out, "out", "", "file to write instead of standard output; hlo to a name in .pb is an HloModuleProto for XLA's tools")
	cmd.Flags().StringVar(&f.save, "save", "", "file to keep the compiled step in, for train --program: of a TPU slice, or of an engine of this machine")
	cmd.Flags().BoolVar(&f.force, "force", false, "write over the files that --out and --save name")
	cmd.Flags().BoolVar(&f.fit, "fit", false, "find the largest batch that fits, and the cheapest way to make the given one fit")
	cmd.Flags().DurationVar(&f.limit, "time-limit", 30*time.Minute, "how long one compilation may take")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		configuration.Backend = f.engine()
		config, err := configuration.Resolve(cmd.Flags())
		if err != nil {
			return settings.Invalid(err)
		}
		if err := f.check(cmd.Flags().Changed("backend")); err != nil {
			return settings.Invalid(err)
		}
		if err := mayWrite(f.force, nil, given(f.out, f.save)...); err != nil {
			return err
		}
		c := machine.Compiler{Store: programs.Kept(cmd.ErrOrStderr()), Limit: f.limit, Talk: cmd.ErrOrStderr(), Save: f.save != ""}
		targets, err := f.targets(config, cmd.Flags().Changed("backend"))
		if err != nil {
			return settings.Invalid(err)
		}
		var b bytes.Buffer
		tooBig, err := f.run(cmd.Context(), &b, &c, targets)
		if err == nil && f.out != "" {
			err = durable.Replace(durable.Disk{}, f.out, b.Bytes())
		} else if err == nil {
			_, err = b.WriteTo(cmd.OutOrStdout())
		}
		if err == nil && tooBig != "" {
			err = fmt.Errorf("compile: %w: %s", machine.ErrTooBig, tooBig)
		}
		return err
	}
	return cmd
}

// check finds what does not go together.
func (f compileFlags) check(backendGiven bool) error {
	targets := len(f.topologies)
	if backendGiven {
		targets++
	}
	switch {
	case targets == 0:
		return errors.New("compile: for what? --topology=v3-8 or h100x8 (here or not), or --backend=cpu --devices=8")
	case !slices.Contains(emits, f.emit):
		return fmt.Errorf("compile: --emit=%s, want one of %s", f.emit, strings.Join(emits, ", "))
	case f.emit != emits[0] && (targets > 1 || f.json || f.fit):
		return fmt.Errorf("compile: --emit=%s is for one target, and without --json and --fit", f.emit)
	case f.fit && targets > 1:
		return fmt.Errorf("compile: --fit is for one target, got %d", targets)
	case f.save != "" && filepath.Clean(f.save) == filepath.Clean(f.out):
		return fmt.Errorf("compile: --save and --out both name %s, want two files", f.save)
	case f.save != "" && (targets > 1 || f.fit):
		return errors.New("compile: --save is for one target, and without --fit")
	case f.limit <= 0:
		return fmt.Errorf("compile: --time-limit=%s, want more than 0", f.limit)
	case f.perDevice < 0:
		return fmt.Errorf("compile: --per-device=%d, want 1 or more", f.perDevice)
	}
	return nil
}

// compileTarget is one thing to compile.
type compileTarget struct {
	config   run.Config
	topology string // of TPUs or GPUs, "" to compile for the configuration's engine
	plan.Target
}

// engine is the engine of the first topology, "" without one that is known: the configuration is for it, and not for that of its
// preset, which may have no plugin.
func (f compileFlags) engine() string {
	if len(f.topologies) == 0 {
		return ""
	}
	t, err := plan.Lookup(f.topologies[0], 0, "", 0)
	if err != nil { // which targets says
		return ""
	}
	return engineOf(t)
}

// engineOf is the engine that runs what is compiled for a topology.
func engineOf(t plan.Target) string {
	if t.GPUs {
		return "cuda"
	}
	return "tpu"
}

// targets are the topologies in the order given, then the engine.
func (f compileFlags) targets(c run.Config, backendGiven bool) ([]compileTarget, error) {
	var all []compileTarget
	for _, name := range f.topologies {
		t, err := plan.Lookup(name, c.Engine.Devices, c.Encoder.Precision, c.Engine.GPU.MemoryFraction)
		if err != nil {
			return nil, err
		}
		one := compileTarget{c, name, t}
		one.config.Engine.Backend = engineOf(t)
		all = append(all, one)
	}
	gpus := slices.ContainsFunc(all, func(t compileTarget) bool { return t.GPUs })
	if backendGiven && !(gpus && c.Engine.Backend == "cuda") { // cuda beside GPUs says what the options of GPUs are for
		if c.Engine.Backend == "tpu" || c.Engine.Backend == "auto" || c.Engine.Backend == "go" {
			return nil, fmt.Errorf("compile: --backend=%s, want cpu or cuda; a TPU is --topology=v3-8, and the go engine does not compile", c.Engine.Backend)
		}
		devices := c.Engine.Devices
		if devices == 0 && c.Engine.Backend == "cpu" {
			devices = 1
		}
		all = append(all, compileTarget{c, "", plan.Engine(c.Engine.Backend, devices)})
	}
	for i := range all {
		if err := f.split(&all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// split makes batch and groups go with the devices; it leaves those of an engine whose devices are not known alone.
func (f compileFlags) split(t *compileTarget) error {
	c, n := &t.config, t.Devices
	if n == 0 {
		return nil
	}
	c.Engine.Devices = n
	if f.perDevice > 0 {
		c.MoCo.Batch, c.MoCo.Groups = f.perDevice*n, n*max(1, c.MoCo.Micro)
	}
	if c.MoCo.Groups%n != 0 {
		return fmt.Errorf("compile: %s has %d devices, which do not divide the %d BatchNorm groups: --per-device=%d, or --bn-groups=%d and a batch to go with it",
			t.Name, n, c.MoCo.Groups, max(1, c.MoCo.Batch/c.MoCo.Groups), n)
	}
	return c.Validate()
}

// run compiles what was asked for, writes about it and names what does not fit.
func (f compileFlags) run(ctx context.Context, w io.Writer, c *machine.Compiler, targets []compileTarget) (tooBig string, err error) {
	if f.fit {
		return f.fitOne(w, targets[0], func(config run.Config) (*plan.Plan, error) {
			_, p, err := c.Compile(ctx, config, targets[0].topology)
			return p, err
		})
	}
	var plans []*plan.Plan
	var last *plan.Compilation
	var names []string
	for _, t := range targets {
		compilation, p, err := c.Compile(ctx, t.config, t.topology)
		if err != nil {
			return "", err
		}
		plans, last = append(plans, p), compilation
		if !p.Fits {
			names = append(names, t.Name)
		}
	}
	if err := f.keep(c.Talk, last); err != nil {
		return "", err
	}
	return strings.Join(names, ", "), f.write(w, plans, last)
}

// keep writes the program to the file that --save names, if there is one that fits.
func (f compileFlags) keep(talk io.Writer, c *plan.Compilation) error {
	if f.save == "" || c.Saved == nil {
		return nil
	}
	if err := durable.Replace(durable.Disk{Private: true}, f.save, c.Saved); err != nil {
		return err
	}
	fmt.Fprintf(talk, "saved %s, %.1f MB: train --program=%s and the same flags load it\n", f.save, float64(len(c.Saved))/1e6, f.save)
	return nil
}

// fitOne searches and writes what will fit a target.
func (f compileFlags) fitOne(w io.Writer, t compileTarget, compile func(run.Config) (*plan.Plan, error)) (tooBig string, err error) {
	if t.Usable == 0 {
		return "", settings.Invalid(fmt.Errorf("compile: --fit for %s, whose memory is not known here: it is for --topology", t.Name))
	}
	found, err := machine.Fit(t.config, compile)
	if err != nil {
		return "", err
	}
	if found.Cheapest == nil {
		tooBig = fmt.Sprintf("batch %d for %s, whatever the settings", t.config.MoCo.Batch, t.Name)
	}
	if f.json {
		return tooBig, writeJSON(w, found)
	}
	return tooBig, found.WriteText(w, machine.FlagOf)
}

// write writes what --emit says.
func (f compileFlags) write(w io.Writer, plans []*plan.Plan, last *plan.Compilation) error {
	switch {
	case f.json:
		return writeJSON(w, plans...)
	case f.emit == plan.HLO && strings.HasSuffix(f.out, ".pb"):
		return last.WriteProgram(w, plan.HLOProto)
	case f.emit != emits[0]:
		return last.WriteProgram(w, f.emit)
	case len(plans) > 1:
		return plan.WriteTable(w, plans)
	}
	return plans[0].WriteText(w, machine.FlagOf)
}

// writeJSON writes values as JSON, an object each.
func writeJSON[T any](w io.Writer, values ...T) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
