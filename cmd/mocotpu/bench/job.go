package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/child"
)

// job is what Peers asks of mocotpu itself, in a process of its own like every peer: the memory it reports is then that of
// one program.
type job struct {
	What   string     // whatStep, whatEpoch, or whatOpen
	Config run.Config // its engine's devices are those to use
	Start  string     // the file to start from
	Pace   pace
}

// whatOpen is the job to open the engine and say what it is.
const whatOpen = "open"

func (e Engines) job() child.Job[job, answer] {
	return child.Job[job, answer]{Name: "bench", Errors: e.Errors}
}

// Serve does what [Peers] asks of this process, if that is what it was started for, and returns true; see [child.Job].
func (e Engines) Serve() bool {
	began := time.Now()
	return e.job().Serve(func(ctx context.Context, j job) (answer, error) { return e.do(ctx, j, began) })
}

// do is the child's work.
func (e Engines) do(ctx context.Context, j job, began time.Time) (answer, error) {
	engine, err := e.Open(j.Config)
	if err != nil {
		return answer{}, err
	}
	defer engine.Close()
	clock := clock{pace: j.Pace, began: began}
	switch j.What {
	case whatStep:
		err = j.steps(ctx, engine, &clock)
	case whatEpoch:
		err = j.epoch(ctx, engine, &clock)
	}
	if err != nil {
		var talk strings.Builder
		if err = e.Explain(&talk, engine, j.Config, err); talk.Len() > 0 {
			err = fmt.Errorf("%w\n%s", err, strings.TrimSpace(talk.String()))
		}
		return answer{}, err
	}
	a := clock.answer
	a.Versions = map[string]string{"engine": engine.EngineName(), "plugin": engine.PluginVersion()}
	a.Devices, a.PeakBytes = engine.NumDevices(), peakMemory()
	return a, nil
}

// steps times the step on the start's images, which are only scaled.
func (j job) steps(ctx context.Context, engine *xla.Engine, clock *clock) error {
	images, err := readStartImages(j.Start)
	if err != nil {
		return err
	}
	return timeSteps(ctx, engine, j.Config, plainViews(j.Config), j.Config.Engine.Devices, images, clock)
}

// epoch times an epoch's steps as train runs them: images of the packed set by the feed, views in the step.
func (j job) epoch(ctx context.Context, engine *xla.Engine, clock *clock) (err error) {
	source, err := j.Config.Data.Source("train", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	last := time.Now()
	t, err := newTraining(engine, j.Config, source)
	if err != nil {
		return err
	}
	defer t.step.Close()
	clock.answer.DeviceBytes = programMemory(engine)
	feed, err := train.NewFeed(t.step, source, t.config.Views.Augment, j.Config.Run.Seed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, feed.Close()) }()
	for batch := range feed.Start(ctx, 0, j.Pace.Warmup+j.Pace.Repeat) {
		if batch.Err != nil {
			return batch.Err
		}
		loss, err := t.run(batch.Slot)
		if err != nil {
			return err
		}
		feed.Release(batch)
		now := time.Now()
		if more, err := clock.tick(loss, now.Sub(last)); err != nil || !more {
			return err
		}
		last = now
	}
	return ctx.Err()
}
