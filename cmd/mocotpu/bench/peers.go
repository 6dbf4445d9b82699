package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Kinds of measurements, as the scripts know them.
const (
	whatStep  = "step"
	whatEpoch = "epoch"
)

// Programs.
const (
	programOurs  = "mocotpu"
	programTorch = "PyTorch"
	programJAX   = "JAX"
)

// rowNames are what the report calls the measurements.
var rowNames = map[string]string{whatStep: "Step", whatEpoch: "Epoch"}

// torchVariants are those of peer/torch_peer.py, the plainest first; torchLow is the one that runs in bfloat16, too.
var torchVariants = []string{"contiguous", "folded-groups", "channels-last", "channels-last+compile"}

const torchLow = "channels-last"

// comparison is a measurement of peers under way.
type comparison struct {
	options Options
	config  run.Config
	base    peerCase // of every script
	temp    string   // the folder of the scripts, the start and the set that is drawn
	engine  engineInfo
	report  *Report
}

// Beside is [Peers] for an engine that a self-test has been through: a few steps of CIFAR-10's preset, or on a CPU of the
// smallest one.
func Beside(ctx context.Context, name string, choice engine.Config, o Options) (*Report, error) {
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
	o.Repeat, o.Limit = 5, 150*time.Second
	return Peers(ctx, c, o)
}

// Peers times one and the same training of MoCo in mocotpu, PyTorch and JAX, one program after the other, so that none takes
// another's cores: the step over images that are only scaled, and an epoch's steps over a packed set. Each runs in a process of
// its own; mocotpu's is a child of this one, whose main function begins with [Engines.Serve].
func Peers(ctx context.Context, c run.Config, o Options) (*Report, error) {
	var check settings.Check
	check.That(o.Limit > 0, "bench.limit", "is %s, want more than 0", o.Limit)
	if err := errors.Join(check.Err(), o.check()); err != nil {
		return nil, err
	}
	engine, err := o.lookInChild(ctx, c)
	if err != nil {
		return nil, err
	}
	c, counts, err := settle(c, o.Counts, func(run.Config) (engineInfo, error) { return engine, nil })
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "mocotpu-bench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	p, err := newComparison(ctx, c, engine, o, temp)
	if err != nil {
		return nil, err
	}
	if err := p.steps(ctx, counts); err != nil {
		return nil, err
	}
	if err := p.epochs(ctx, counts[0]); err != nil {
		return nil, err
	}
	p.report.compare(c.Encoder.Precision)
	return p.report, nil
}

// lookInChild opens the configuration's engine in a child, so that this process holds no devices.
func (o Options) lookInChild(ctx context.Context, c run.Config) (engineInfo, error) {
	a, err := o.Engines.job().Ask(ctx, job{What: whatOpen, Config: c}, o.Limit)
	return engineInfo{a.Versions["engine"], a.Versions["plugin"], a.Devices}, err
}

// newComparison makes what all programs begin with, in temp.
func newComparison(ctx context.Context, c run.Config, engine engineInfo, o Options, temp string) (*comparison, error) {
	c.KNN.Every = 0 // nothing is judged
	step, err := stepOf(c)
	if err != nil {
		return nil, err
	}
	p := &comparison{options: o, temp: temp, engine: engine, report: newReport(o.Built)}
	p.report.noteEngine(engine)
	p.report.describe(c)
	p.report.Settings = append(p.report.Settings, label("views", c.Views.Preset))
	if err := writeScripts(temp); err != nil {
		return nil, err
	}
	if c.Data, p.report.Source, err = packedSet(ctx, c, temp, o.Talk); err != nil {
		return nil, err
	}
	p.config = c
	device := engine.name
	if device == "go" {
		device = "cpu"
	}
	p.base = newPeerCase(c, step, device)
	p.base.Start = filepath.Join(temp, "start.safetensors")
	// The budget of the timed steps leaves the process time to end before it is killed.
	p.base.pace = pace{Repeat: o.Repeat, Seconds: 0.8 * o.Limit.Seconds()}
	return p, writeStart(p.base.Start, step, c.Run.Seed)
}

// steps measures the step in every program, and in bfloat16 in two, if the others don't run in that.
func (p *comparison) steps(ctx context.Context, counts []int) error {
	precision := p.config.Encoder.Precision
	for _, n := range counts {
		if err := p.ours(ctx, whatStep, n, precision); err != nil {
			return err
		}
	}
	for _, variant := range torchVariants {
		if err := p.torch(ctx, whatStep, variant, precision); err != nil {
			return err
		}
	}
	if err := p.jax(ctx, precision); err != nil || precision == resnet.BFloat16 {
		return err
	}
	if err := p.ours(ctx, whatStep, p.fastestDevices(counts[0]), resnet.BFloat16); err != nil {
		return err
	}
	return p.torch(ctx, whatStep, torchLow, resnet.BFloat16)
}

// epochs measures an epoch's steps in what was fastest.
func (p *comparison) epochs(ctx context.Context, devices int) error {
	precision := p.config.Encoder.Precision
	if err := p.ours(ctx, whatEpoch, p.fastestDevices(devices), precision); err != nil {
		return err
	}
	variant := torchVariants[0]
	if row, ok := p.report.fastest(rowNames[whatStep], programTorch, precision); ok {
		variant = row.label("variant")
	}
	if err := p.torch(ctx, whatEpoch, variant, precision); err != nil {
		return err
	}
	p.take(whatEpoch, programJAX, "jit", precision, 1, answer{Missing: "JAX has no data pipeline"})
	return nil
}

// fastestDevices is on how many devices our step was fastest, or otherwise where it was not timed.
func (p *comparison) fastestDevices(otherwise int) int {
	row, ok := p.report.fastest(rowNames[whatStep], programOurs, p.config.Encoder.Precision)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(row.label("replicas"))
	if err != nil {
		return otherwise
	}
	return n
}

// paceOf is how a program runs a kind of measurement. PyTorch's loader makes two batches for each worker in advance, while
// the first step is compiled, and delivers in bursts, a batch of each worker: the former are used up before an epoch's
// steps are timed, and whole bursts are timed.
func (p *comparison) paceOf(what string) pace {
	pace, workers := p.base.pace, p.base.Workers
	pace.Warmup = 2
	if what == whatEpoch {
		pace.Warmup += 2 * workers
		pace.Repeat = (2*pace.Repeat + workers - 1) / workers * workers
	}
	return pace
}

// ours measures mocotpu. Its failure is the caller's, but for the limit.
func (p *comparison) ours(ctx context.Context, what string, devices int, precision string) error {
	j := job{What: what, Config: p.config, Start: p.base.Start, Pace: p.paceOf(what)}
	j.Config.Engine.Devices, j.Config.Encoder.Precision = devices, precision
	p.say(what, programOurs, fmt.Sprintf("%s, %d device(s)", p.engine.name, devices), precision)
	a, err := p.options.Engines.job().Ask(ctx, j, p.options.Limit)
	if err != nil && !errors.Is(err, child.ErrLimit) {
		return fmt.Errorf("bench: mocotpu on %s, %d device(s): %w", p.engine.name, devices, err)
	}
	if err != nil {
		a.Missing = missing(err, p.options.Limit)
	}
	p.take(what, programOurs, p.engine.name, precision, devices, a)
	return nil
}

// torch measures a variant of PyTorch.
func (p *comparison) torch(ctx context.Context, what, variant, precision string) error {
	if p.base.Device == "tpu" {
		p.take(what, programTorch, variant, precision, 1, answer{Missing: "PyTorch has no engine tpu"})
		return nil
	}
	return p.script(ctx, what, programTorch, variant, precision, "torch_peer.py", p.options.Python, "--python")
}

// jax measures JAX, of which there is the step only.
func (p *comparison) jax(ctx context.Context, precision string) error {
	return p.script(ctx, whatStep, programJAX, "jit", precision, "jax_peer.py", p.options.JAXPython, "--jax-python")
}

func (p *comparison) script(ctx context.Context, what, program, variant, precision, script, interpreter, flag string) error {
	a := answer{Missing: flag + " is empty"}
	if interpreter != "" {
		p.say(what, program, variant, precision)
		c := p.base
		c.What, c.Variant, c.Precision, c.pace = what, variant, precision, p.paceOf(what)
		env := []string{
			"TORCHINDUCTOR_CACHE_DIR=" + filepath.Join(p.temp, "inductor"), // compile, whatever was compiled before
			"JAX_PLATFORMS=" + p.base.Device, "XLA_PYTHON_CLIENT_PREALLOCATE=false",
		}
		var err error
		if a, err = (python{interpreter, p.temp, env, p.options.Limit}).ask(ctx, script, c); err != nil {
			return err
		}
	}
	p.take(what, program, variant, precision, 1, a)
	return nil
}

func (p *comparison) say(what, program, variant, precision string) {
	fmt.Fprintf(p.options.Talk, "%s: %s %s, %s ...\n", what, program, variant, precision)
}

// take puts what came of a program into the report. An epoch's steps are one sample: the loader delivers in bursts.
func (p *comparison) take(what, program, variant, precision string, devices int, a answer) {
	row := Row{Name: rowNames[what], Images: p.config.MoCo.Batch, Labels: []Label{
		label("program", program), label("variant", variant), label("precision", precision), label("replicas", devices),
	}}
	row.take(a)
	if what == whatEpoch {
		row.merge()
	}
	if program != programOurs {
		for name, version := range a.Versions {
			p.report.Versions[name] = version
		}
	}
	p.report.Rows = append(p.report.Rows, row)
}

// missing says why a program has no times, with the flag where the limit ended it.
func missing(err error, limit time.Duration) string {
	if errors.Is(err, child.ErrLimit) {
		return fmt.Sprintf("killed after %s (--limit)", limit)
	}
	return err.Error()
}
