package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/child"
)

// peersBench is a measurement under way.
type peersBench struct {
	options peersOptions
	config  run.Config
	base    peerCase // of every script
	temp    string   // the folder of the scripts, the start and the set that is drawn
	talk    io.Writer
	report  *peersReport
}

// Kinds of measurements.
const (
	whatStep  = "step"
	whatEpoch = "epoch"
)

// torchVariants are those of peer/torch_peer.py, the plainest first; torchLow is the one that runs in bfloat16, too.
var torchVariants = []string{"contiguous", "contiguous, folded groups", "channels last", "channels last, torch.compile"}

const torchLow = "channels last"

// benchPeers measures everything, one program after the other, so that none takes another's cores.
func benchPeers(ctx context.Context, config run.Config, o peersOptions, talk io.Writer) (*peersReport, error) {
	engine, err := opening.Ask(ctx, config, o.limit)
	if err != nil {
		return nil, withLimit(err, o.limit)
	}
	config, counts, err := benchCounts(config, o.counts, func(run.Config) (benchEngineInfo, error) { return engine, nil })
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "mocotpu-bench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	b, err := newPeersBench(ctx, config, engine, o, temp, talk)
	if err != nil {
		return nil, err
	}
	if err := b.steps(ctx, counts); err != nil {
		return nil, err
	}
	if err := b.epochs(ctx, counts[0]); err != nil {
		return nil, err
	}
	b.report.relate()
	return b.report, nil
}

// newPeersBench makes what all programs begin with, in temp.
func newPeersBench(ctx context.Context, config run.Config, engine benchEngineInfo, o peersOptions, temp string, talk io.Writer) (*peersBench, error) {
	step, err := benchStepOf(config)
	if err != nil {
		return nil, err
	}
	views, err := augment.Preset(config.Views.Preset)
	if err != nil {
		return nil, usageError{err}
	}
	b := &peersBench{
		options: o, temp: temp, talk: talk,
		report: &peersReport{benchHead: newBenchHead(), Engine: engine, Mocotpu: built(), Config: config},
	}
	if err := writePeers(temp); err != nil {
		return nil, err
	}
	if config.Data, b.report.Source, err = packedSet(ctx, config, temp, talk); err != nil {
		return nil, err
	}
	config.KNN.Every = 0 // nothing is judged
	b.config = config
	device := engine.Name
	if device == "go" {
		device = "cpu"
	}
	b.base = newPeerCase(config, step, views, device)
	b.base.Set = config.Data.Dir
	// The budget of the timed steps leaves the process time to end before it is killed.
	b.base.peerRun = peerRun{Start: filepath.Join(temp, "start.safetensors"), Repeat: o.repeat, Seconds: 0.8 * o.limit.Seconds()}
	return b, writeStart(b.base.Start, step, config.Run.Seed)
}

// steps measures the step in every program, and in bfloat16 in two, if the others don't run in that.
func (b *peersBench) steps(ctx context.Context, counts []int) error {
	precision := b.config.Encoder.Precision
	for _, n := range counts {
		if err := b.ours(ctx, whatStep, n, precision); err != nil {
			return err
		}
	}
	for _, variant := range torchVariants {
		if err := b.torch(ctx, whatStep, variant, precision); err != nil {
			return err
		}
	}
	if err := b.jax(ctx, precision); err != nil || precision == resnet.BFloat16 {
		return err
	}
	devices := b.report.fastest(programOurs, precision, peerRow{Devices: counts[0]}).Devices
	if err := b.ours(ctx, whatStep, devices, resnet.BFloat16); err != nil {
		return err
	}
	return b.torch(ctx, whatStep, torchLow, resnet.BFloat16)
}

// epochs measures an epoch's steps in what was fastest.
func (b *peersBench) epochs(ctx context.Context, devices int) error {
	precision := b.config.Encoder.Precision
	devices = b.report.fastest(programOurs, precision, peerRow{Devices: devices}).Devices
	if err := b.ours(ctx, whatEpoch, devices, precision); err != nil {
		return err
	}
	variant := b.report.fastest(programTorch, precision, peerRow{Variant: torchVariants[0]}).Variant
	if err := b.torch(ctx, whatEpoch, variant, precision); err != nil {
		return err
	}
	b.report.add(peerRow{What: whatEpoch, Program: programJAX, Precision: precision, Missing: "JAX has no data pipeline"}, peerAnswer{}, 0)
	return nil
}

// runOf is how a program runs a kind of measurement. PyTorch's loader makes two batches for each worker in advance, while
// the first step is compiled, and delivers in bursts, a batch of each worker: the former are used up before an epoch's
// steps are timed, and whole bursts are timed.
func (b *peersBench) runOf(what string) peerRun {
	run, workers := b.base.peerRun, b.base.Workers
	run.Warmup = 2
	if what == whatEpoch {
		run.Warmup += 2 * workers
		run.Repeat = (2*run.Repeat + workers - 1) / workers * workers
	}
	return run
}

// ours measures mocotpu. Its failure is the command's, but for the limit.
func (b *peersBench) ours(ctx context.Context, what string, devices int, precision string) error {
	j := ourPeer{peerRun: b.runOf(what), What: what, Config: b.config}
	j.Config.Engine.Devices, j.Config.Encoder.Precision = devices, precision
	row := peerRow{What: what, Program: programOurs, Variant: b.report.Engine.Name, Devices: devices, Precision: precision}
	b.say(row)
	answer, err := measuring.Ask(ctx, j, b.options.limit)
	if err != nil && !errors.Is(err, child.ErrLimit) {
		return fmt.Errorf("bench: %s: %w", row.name(), err)
	}
	return b.take(ctx, row, answer, err)
}

// torch measures a variant of PyTorch.
func (b *peersBench) torch(ctx context.Context, what, variant, precision string) error {
	return b.script(ctx, peerRow{What: what, Program: programTorch, Variant: variant, Precision: precision},
		"torch_peer.py", b.options.python, "--python")
}

// jax measures JAX, whose step it is only.
func (b *peersBench) jax(ctx context.Context, precision string) error {
	return b.script(ctx, peerRow{What: whatStep, Program: programJAX, Variant: "jit", Precision: precision},
		"jax_peer.py", b.options.jaxPython, "--jax-python")
}

func (b *peersBench) script(ctx context.Context, row peerRow, script, python, flag string) error {
	row.Devices = 1
	if python == "" {
		return b.take(ctx, row, peerAnswer{Missing: flag + " is empty"}, nil)
	}
	if row.Program == programTorch && b.base.Device == "tpu" {
		return b.take(ctx, row, peerAnswer{Missing: "PyTorch has no engine tpu"}, nil)
	}
	b.say(row)
	c := b.base
	c.What, c.Variant, c.Precision, c.peerRun = row.What, row.Variant, row.Precision, b.runOf(row.What)
	env := []string{
		"TORCHINDUCTOR_CACHE_DIR=" + filepath.Join(b.temp, "inductor"), // compile, whatever was compiled before
		"JAX_PLATFORMS=" + b.base.Device, "XLA_PYTHON_CLIENT_PREALLOCATE=false",
	}
	var answer peerAnswer
	err := askScript(ctx, env, b.options.limit, python, peerScript(b.temp, script), c, &answer)
	return b.take(ctx, row, answer, err)
}

// withLimit is the error of a program, with the flag where the limit ended it.
func withLimit(err error, limit time.Duration) error {
	if errors.Is(err, child.ErrLimit) {
		return fmt.Errorf("killed after %s (--limit)", limit)
	}
	return err
}

func (b *peersBench) say(row peerRow) {
	fmt.Fprintf(b.talk, "%s: %s, %s ...\n", row.What, row.name(), row.Precision)
}

// take puts what came of a program into the report; only the end of the context is an error.
func (b *peersBench) take(ctx context.Context, row peerRow, answer peerAnswer, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	row.Missing = answer.Missing
	switch {
	case err != nil:
		row.Missing = withLimit(err, b.options.limit).Error()
	case row.Missing == "" && len(answer.MS) == 0:
		row.Missing = "no times"
	}
	b.report.add(row, answer, b.config.MoCo.Batch)
	return nil
}
