package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// errTooBig says that a program does not fit its target's memory.
var errTooBig = errors.New("does not fit")

// flagOf is the flag that makes a change.
func flagOf(c plan.Change) string {
	if c.Value == "" {
		return "--" + c.Setting
	}
	return "--" + c.Setting + "=" + c.Value
}

// planProgram says what a configuration compiles.
func planProgram(c run.Config) plan.Program {
	title := fmt.Sprintf("%s: %s of width %d at %d pixels, queue %d", c.Preset, c.Encoder.Arch, c.Encoder.Width, c.Views.ImageSize, c.MoCo.Queue)
	return plan.Program{
		Title: title, Batch: c.MoCo.Batch, Groups: c.MoCo.Groups, Precision: c.Encoder.Precision, Remat: c.Encoder.Remat,
	}
}

// compiler compiles the steps of configurations in child processes, and says so.
type compiler struct {
	store *programs.Store
	limit time.Duration // of one compilation
	talk  io.Writer
}

// compile compiles the step of a configuration for TPUs or GPUs, or for its engine where topology is "".
func (c *compiler) compile(ctx context.Context, config run.Config, topology string) (*plan.Compilation, *plan.Plan, error) {
	r := plan.Request{Topology: topology, Engine: config.Engine.Backend, Program: planProgram(config)}
	r.Options = stepOptions(config)
	target, err := r.Target()
	if err == nil {
		err = checkStep(config)
	}
	if err == nil {
		r.Source, err = json.Marshal(config)
	}
	if err != nil {
		return nil, nil, err
	}
	stop := terminal.Timed(c.talk, fmt.Sprintf("compiling for %s, batch %d, %s, remat %s", target.Name, config.MoCo.Batch, config.Encoder.Precision, config.Encoder.Remat))
	compilation, p, err := plan.InChild(ctx, r, c.store, c.limit)
	if errors.Is(err, child.ErrLimit) {
		err = fmt.Errorf("compile: %s was not done within %s (--time-limit)", target.Name, c.limit)
	}
	if err != nil {
		stop("failed")
		return nil, nil, err
	}
	stop(p.Verdict())
	return compilation, p, nil
}

// checkStep finds what is wrong with a configuration's step before anybody compiles it.
func checkStep(c run.Config) error {
	if err := c.Step().Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// fit searches the settings of a configuration's step: compile makes the plan of one.
func fit(config run.Config, compile func(run.Config) (*plan.Plan, error)) (*plan.Fitting, error) {
	given := plan.Setting{Precision: config.Encoder.Precision, Remat: config.Encoder.Remat, Batch: config.MoCo.Batch}
	return plan.Fit(given, config.MoCo.Granule(), func(s plan.Setting) (*plan.Plan, error) {
		changed := config
		changed.Encoder.Precision, changed.Encoder.Remat = s.Precision, s.Remat
		changed.MoCo = config.MoCo.Resized(s.Batch)
		if err := changed.Validate(); err != nil {
			return nil, err
		}
		return compile(changed)
	})
}

// planLimit is how long the check of a plan may take before a run on a TPU.
const planLimit = 30 * time.Minute

// checkPlan refuses a run that does not fit the TPU that is open, before any data is read: it compiles the step for the
// TPU's topology, or finds it compiled, and prints the report of one that does not fit to talk.
func checkPlan(ctx context.Context, talk io.Writer, c run.Config, version string, devices int) error {
	t, ok := tpu.OfPlugin(version, devices)
	if !ok {
		fmt.Fprintf(talk, "whether it fits is not checked: %d devices of %q are no TPU slice known here\n", devices, version)
		return nil
	}
	c.Engine.Devices, c.Engine.Plugin = devices, "" // a plugin of the user's is for the TPU, not for the compiler
	w := compiler{store: programs.Kept(talk), limit: planLimit, talk: talk}
	_, p, err := w.compile(ctx, c, t.LibTPU())
	if err != nil || p.Fits {
		return err
	}
	return errors.Join(p.WriteText(talk, flagOf), fmt.Errorf("train: the step %w the TPU: %s", errTooBig, t.Name))
}

// explainMemory makes errTooBig of an error that says that an engine had no memory for a program of the configuration's,
// and prints the plan of that program to talk; it returns any other error as it is.
func explainMemory(talk io.Writer, e *xla.Engine, c run.Config, err error) error {
	var failed *xla.Error
	if !errors.As(err, &failed) || failed.Code != xla.ResourceExhausted {
		return err
	}
	p, failure := plan.OutOfMemory(e, planProgram(c), err)
	limit := ""
	if e.EngineName() == "cuda" {
		fraction := c.Engine.GPU.MemoryFraction
		if fraction == 0 {
			fraction = 0.75 // XLA's
		}
		limit = fmt.Sprintf(", which may take %g of each GPU's: see --gpu-memory-fraction", fraction)
	}
	err = fmt.Errorf("%w\nit %w the memory of the %s engine%s", err, errTooBig, e.EngineName(), limit)
	if p == nil {
		return errors.Join(err, failure)
	}
	return errors.Join(p.WriteText(talk, flagOf), err)
}

// withoutTPU says what can be done where there is no TPU.
func withoutTPU(err error) error {
	if !errors.Is(err, setup.ErrNoDevice) {
		return err
	}
	return usageError{fmt.Errorf("%w\nwithout one: mocotpu compile --topology=v3-8, with the same flags, compiles this very step for a TPU that is not "+
		"there and reports what it needs; mocotpu train --backend=cpu --devices=8 computes the numbers of eight cores", err)}
}
