package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// ErrTooBig says that a program does not fit its target's memory.
var ErrTooBig = errors.New("does not fit")

// FlagOf is the flag that makes a change.
func FlagOf(c plan.Change) string {
	if c.Value == "" {
		return "--" + c.Setting
	}
	return "--" + c.Setting + "=" + c.Value
}

// ProgramOf says what a configuration compiles.
func ProgramOf(c run.Config) plan.Program {
	title := fmt.Sprintf("%s: %s of width %d at %d pixels, queue %d", c.Preset, c.Encoder.Arch, c.Encoder.Width, c.Views.ImageSize, c.MoCo.Queue)
	side, channels := c.Data.Image()
	p := plan.Program{
		Title: title, Batch: c.MoCo.Batch, Groups: c.MoCo.Groups, Halves: c.MoCo.Halves(), Precision: c.Encoder.Precision, Remat: c.Encoder.Remat,
		Micro: max(1, c.MoCo.Micro), ImageBytes: int64(side) * int64(side) * int64(channels), Shuffled: c.MoCo.Shuffle && c.MoCo.Groups > 1,
	}
	if c.Data.Kind == "folder" {
		p.DecodeRate = decodedByCore
	}
	return p
}

// decodedByCore is how many JPEGs of 500x375 pixels a core decodes in a second, as docs/results/data.json has it for two.
const decodedByCore = 1328.0 / 2

// Compiler compiles the steps of configurations in child processes, and says so.
type Compiler struct {
	// Store has what was compiled before; nil for none.
	Store *programs.Store
	// Limit is how long one compilation may take.
	Limit time.Duration
	// Talk is where progress is shown; nil for nowhere.
	Talk io.Writer
	// Save has what is compiled saved, too, in Compilation.Saved.
	Save bool
}

// Compile compiles the step of a configuration for TPUs or GPUs, or for its engine where topology is "".
func (c *Compiler) Compile(ctx context.Context, config run.Config, topology string) (*plan.Compilation, *plan.Plan, error) {
	r := plan.Request{Topology: topology, Engine: config.Engine.Backend, Program: ProgramOf(config), Save: c.Save}
	r.Options = stepOptions(config)
	target, err := r.Target()
	if err == nil {
		err = config.Step().Validate()
	}
	if err == nil {
		r.Source, err = json.Marshal(config)
	}
	if err != nil {
		return nil, nil, err
	}
	talk := c.Talk
	if talk == nil {
		talk = io.Discard
	}
	micro := ""
	if config.MoCo.Micro > 1 {
		micro = fmt.Sprintf(", micro %d", config.MoCo.Micro)
	}
	stop := terminal.Timed(talk, fmt.Sprintf("compiling for %s, batch %d, %s, remat %s%s", target.Name, config.MoCo.Batch, config.Encoder.Precision, config.Encoder.Remat, micro))
	compilation, p, err := plan.InChild(ctx, r, c.Store, c.Limit)
	if errors.Is(err, child.ErrLimit) {
		err = fmt.Errorf("compile: %s was not done within %s (--time-limit)", target.Name, c.Limit)
	}
	if err != nil {
		stop("failed")
		return nil, nil, err
	}
	stop(p.Verdict())
	return compilation, p, nil
}

// Serve compiles what [Compiler.Compile] asks for and returns true, if this process was started for that; see [plan.Serve].
func Serve() bool { return plan.Serve(compileSource) }

// compileSource compiles the very step that train runs with a configuration, which is the source.
func compileSource(e *xla.Engine, source []byte) error {
	var c run.Config
	if err := json.Unmarshal(source, &c); err != nil {
		return err
	}
	side, channels := c.Data.Image()
	s, err := step.Compiled(e, e.NumDevices(), c.Step(), c.Run.Seed, side, channels)
	if err != nil {
		return err
	}
	s.Close()
	return nil
}

// Fit searches the settings of a configuration's step: compile makes the plan of one.
func Fit(config run.Config, compile func(run.Config) (*plan.Plan, error)) (*plan.Fitting, error) {
	given := plan.Setting{Precision: config.Encoder.Precision, Remat: config.Encoder.Remat, Batch: config.MoCo.Batch, Micro: max(1, config.MoCo.Micro)}
	return plan.Fit(given, config.MoCo.Granule(), config.MoCo.Micros(config.Engine.Devices), func(s plan.Setting) (*plan.Plan, error) {
		changed := config
		changed.Encoder.Precision, changed.Encoder.Remat = s.Precision, s.Remat
		changed.MoCo = config.MoCo.Resized(s.Batch)
		changed.MoCo.Micro = s.Micro
		if err := changed.Validate(); err != nil {
			return nil, err
		}
		return compile(changed)
	})
}

// planLimit is how long the check of a plan may take before a run on a TPU.
const planLimit = 30 * time.Minute

// CheckPlan refuses a run that does not fit the TPU that is open, before any data is read: it compiles the step for the
// TPU's topology, or finds it compiled, and prints the report of one that does not fit to talk.
func CheckPlan(ctx context.Context, talk io.Writer, c run.Config, version string, devices int) error {
	t, ok := tpu.OfPlugin(version, devices)
	if !ok {
		fmt.Fprintf(talk, "whether it fits is not checked: %d devices of %q are no TPU slice known here\n", devices, version)
		return nil
	}
	c.Engine.Devices, c.Engine.Plugin = devices, "" // a plugin of the user's is for the TPU, not for the compiler
	w := Compiler{Store: programs.Kept(talk), Limit: planLimit, Talk: talk}
	_, p, err := w.Compile(ctx, c, t.LibTPU())
	if err != nil || p.Fits {
		return err
	}
	return errors.Join(p.WriteText(talk, FlagOf), fmt.Errorf("train: the step %w the TPU: %s", ErrTooBig, t.Name))
}

// ExplainMemory makes ErrTooBig of an error that says that an engine had no memory for a program of the configuration's,
// and prints the plan of that program to talk; it returns any other error as it is.
func ExplainMemory(talk io.Writer, e *xla.Engine, c run.Config, err error) error {
	var failed *xla.Error
	if !errors.As(err, &failed) || failed.Code != xla.ResourceExhausted {
		return err
	}
	p, failure := plan.OutOfMemory(e, ProgramOf(c), err)
	limit := ""
	if e.EngineName() == "cuda" {
		fraction := c.Engine.GPU.MemoryFraction
		if fraction == 0 {
			fraction = 0.75 // XLA's
		}
		limit = fmt.Sprintf(", which may take %g of each GPU's: see --gpu-memory-fraction", fraction)
	}
	err = fmt.Errorf("%w\nit %w the memory of the %s engine%s", err, ErrTooBig, e.EngineName(), limit)
	if p == nil {
		return errors.Join(err, failure)
	}
	return errors.Join(p.WriteText(talk, FlagOf), err)
}
