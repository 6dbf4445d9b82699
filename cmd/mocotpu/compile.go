package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
)

// errTooBig says that a program does not fit its target's memory.
var errTooBig = errors.New("does not fit")

// compileFlags are those of compile that train does not have.
type compileFlags struct {
	topologies []string
	perDevice  int
	json       bool
	emit, out  string
	force      bool
	fit        bool
	fresh      bool
	limit      time.Duration
}

// emits are the values of --emit.
var emits = []string{"report", "stablehlo", "hlo"}

func newCompile() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compile",
		Short: "Compile the training step, for a TPU that need not be there, and report what it needs",
		Long: "Compiles the very step that train runs with the same flags, for a TPU slice (--topology, through libtpu, without a\n" +
			"TPU) or for an engine of this machine (--backend), and reports: the memory of a device against what it has, the\n" +
			"largest temporaries and their layers, the exchanges among devices, and the time of a step were everything ideal.\n" +
			"Several targets make a table. Compilations are kept in the user's cache folder; asking again is quick. Exit code 3: it\n" +
			"does not fit.",
		Example: "  mocotpu compile --preset=moco-v1 --topology=v3-8\n" +
			"  mocotpu compile --preset=moco-v1 --topology=v2-8,v3-8,v5e-8\n" +
			"  mocotpu compile --preset=moco-v1 --topology=v3-32 --per-device=32\n" +
			"  mocotpu compile --preset=moco-v1 --topology=v2-8 --batch=4096 --fit\n" +
			"  mocotpu compile --backend=cpu --devices=8 --emit=hlo --out=step.txt",
		Args: noArguments,
	}
	flags := addConfigFlags(cmd.Flags())
	var f compileFlags
	cmd.Flags().StringSliceVar(&f.topologies, "topology", nil, "TPU slices to compile for, such as v3-8, or v5e:2x4 in libtpu's words")
	cmd.Flags().IntVar(&f.perDevice, "per-device", 0, "images a device: sets the batch, and a BatchNorm group for each device, to go with the target")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the report as JSON, one object a target")
	cmd.Flags().StringVar(&f.emit, "emit", emits[0], "what to print: "+strings.Join(emits, ", ")+"; stablehlo is the program before XLA, hlo after")
	cmd.Flags().StringVar(&f.out, "out", "", "file to write instead of standard output; hlo to a name in .pb is an HloModuleProto for XLA's tools")
	cmd.Flags().BoolVar(&f.force, "force", false, "write over the file that --out names")
	cmd.Flags().BoolVar(&f.fit, "fit", false, "find the largest batch that fits, and the cheapest way to make the given one fit")
	cmd.Flags().BoolVar(&f.fresh, "fresh", false, "compile again what was compiled before")
	cmd.Flags().DurationVar(&f.limit, "time-limit", 30*time.Minute, "how long one compilation may take")
	asJob := cmd.Flags().Bool("job", false, "read a job from standard input")
	_ = cmd.Flags().MarkHidden("job") // the flag exists
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *asJob {
			return runCompileJob(cmd.InOrStdin(), cmd.OutOrStdout())
		}
		config, err := flags.resolve(cmd.Flags())
		if err != nil {
			return err
		}
		if err := f.check(cmd.Flags().Changed("backend")); err != nil {
			return usageError{err}
		}
		if f.out != "" {
			if err := refuseExisting(f.force, f.out); err != nil {
				return err
			}
		}
		store := ""
		if !f.fresh {
			if store, err = compileStore(); err != nil {
				return err
			}
		}
		c := newCompiler(f, store, cmd.ErrOrStderr())
		targets, err := f.targets(config, cmd.Flags().Changed("backend"))
		if err != nil {
			return usageError{err}
		}
		if f.fit {
			return c.fit(cmd.Context(), cmd.OutOrStdout(), targets[0])
		}
		return c.report(cmd.Context(), cmd.OutOrStdout(), targets)
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
		return errors.New("compile: for what? --topology=v3-8 (a TPU, here or not), or --backend=cpu --devices=8")
	case !slices.Contains(emits, f.emit):
		return fmt.Errorf("compile: --emit=%s, want one of %s", f.emit, strings.Join(emits, ", "))
	case f.emit != emits[0] && (targets > 1 || f.json || f.fit):
		return fmt.Errorf("compile: --emit=%s is for one target, and without --json and --fit", f.emit)
	case f.fit && targets > 1:
		return fmt.Errorf("compile: --fit is for one target, got %d", targets)
	case f.limit <= 0:
		return fmt.Errorf("compile: --time-limit=%s, want more than 0", f.limit)
	case f.perDevice < 0:
		return fmt.Errorf("compile: --per-device=%d, want 1 or more", f.perDevice)
	}
	return nil
}

// compileTarget is one thing to compile.
type compileTarget struct {
	job    compileJob
	target plan.Target
}

// targets are the topologies in the order given, then the engine.
func (f compileFlags) targets(c run.Config, backendGiven bool) ([]compileTarget, error) {
	var all []compileTarget
	for _, name := range f.topologies {
		t, err := tpu.Lookup(name)
		if err != nil {
			return nil, err
		}
		devices := c.Engine.Devices
		if devices > t.Devices() {
			return nil, fmt.Errorf("compile: --devices=%d, %s has %d", devices, t.Name, t.Devices())
		}
		if devices == 0 {
			devices = t.Devices()
		}
		one := compileTarget{job: compileJob{Config: c, Topology: name}, target: plan.TPU(t, devices)}
		one.job.Config.Engine.Backend = "tpu"
		all = append(all, one)
	}
	if backendGiven {
		if c.Engine.Backend == "tpu" || c.Engine.Backend == "auto" || c.Engine.Backend == "go" {
			return nil, fmt.Errorf("compile: --backend=%s, want cpu or cuda; a TPU is --topology=v3-8, and the go engine does not compile", c.Engine.Backend)
		}
		devices := c.Engine.Devices
		if devices == 0 && c.Engine.Backend == "cpu" {
			devices = 1
		}
		all = append(all, compileTarget{job: compileJob{Config: c}, target: plan.Engine(c.Engine.Backend, devices)})
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
	c, n := &t.job.Config, t.target.Devices
	if n == 0 {
		return nil
	}
	c.Engine.Devices = n
	if f.perDevice > 0 {
		c.MoCo.Batch, c.MoCo.Groups = f.perDevice*n, n
	}
	if c.MoCo.Groups%n != 0 {
		return fmt.Errorf("compile: %s has %d devices, which do not divide the %d BatchNorm groups: --per-device=%d, or --bn-groups=%d and a batch to go with it",
			t.target.Name, n, c.MoCo.Groups, max(1, c.MoCo.Batch/c.MoCo.Groups), n)
	}
	return c.Validate()
}

// compileStore is where compilations are kept.
func compileStore() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("compile: nowhere to keep what was compiled (use --fresh): %w", err)
	}
	return filepath.Join(dir, "mocotpu", "compiled"), nil
}

// writeJSON writes plans as JSON, an object each.
func writeJSON(e *json.Encoder, plans []*plan.Plan) error {
	e.SetIndent("", "  ")
	for _, p := range plans {
		if err := e.Encode(p); err != nil {
			return err
		}
	}
	return nil
}
