package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/child"
)

// ourPeer is what `bench peers` asks of mocotpu itself, in a process of its own like every peer: the memory it reports
// is then that of one program.
type ourPeer struct {
	peerRun
	What   string
	Config run.Config // its engine's devices are those to use
}

// The jobs of `bench peers`: to open an engine and tell what it is, and to measure.
var (
	opening   = child.Job[run.Config, benchEngineInfo]{Name: "bench-open", Errors: usageErrors}
	measuring = child.Job[ourPeer, peerAnswer]{Name: "bench-peer", Errors: usageErrors}
)

// serveOurPeer does one of the jobs, if this process was started for that.
func serveOurPeer() bool {
	return opening.Serve(func(_ context.Context, c run.Config) (benchEngineInfo, error) { return openHere(c) }) ||
		measuring.Serve(func(ctx context.Context, j ourPeer) (peerAnswer, error) { return j.measure(ctx) })
}

// measure is the child's work.
func (j ourPeer) measure(ctx context.Context) (peerAnswer, error) {
	began := time.Now()
	engine, err := openFor(j.Config, nil)
	if err != nil {
		return peerAnswer{}, err
	}
	defer engine.Close()
	clock := peerClock{run: j.peerRun, began: began, last: time.Now()}
	if j.What == whatStep {
		err = j.steps(ctx, engine, &clock)
	} else {
		err = j.epoch(ctx, engine, &clock)
	}
	if err != nil {
		var talk strings.Builder
		err = explainMemory(&talk, engine, j.Config, err)
		return peerAnswer{}, fmt.Errorf("%s%w", talk.String(), err)
	}
	clock.answer.PeakBytes, clock.answer.DeviceBytes = peakMemory(), programMemory(engine)
	return clock.answer, nil
}

// steps times the step on the start's images, which are only scaled.
func (j ourPeer) steps(ctx context.Context, engine *xla.Engine, clock *peerClock) error {
	step, err := benchStepOf(j.Config)
	if err != nil {
		return err
	}
	images, err := readStartImages(j.Start)
	if err != nil {
		return err
	}
	clock.last = time.Now()
	s, err := compileStep(engine, step, plainViews(j.Config), j.Config.Engine.Devices, j.Config.Optim.LR, j.Config.Run.Seed)
	if err != nil {
		return err
	}
	defer s.Close()
	s.fill = func(dst []byte) { copy(dst, images) }
	for more := true; more; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		loss, _, err := s.run()
		if err != nil {
			return err
		}
		if more, err = clock.tick(loss); err != nil {
			return err
		}
	}
	return nil
}

// epoch times an epoch's steps as train runs them: images of the packed set by the feed, views in the step.
func (j ourPeer) epoch(ctx context.Context, engine *xla.Engine, clock *peerClock) (err error) {
	source, err := j.Config.Data.Source("train", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	b, err := newTrainBench(engine, j.Config, source)
	if err != nil {
		return err
	}
	defer b.step.Close()
	feed, err := train.NewFeed(b.step, b.source, b.views, j.Config.Run.Seed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, feed.Close()) }()
	for batch := range feed.Start(ctx, 0, j.Warmup+j.Repeat) {
		if batch.Err != nil {
			return batch.Err
		}
		loss, err := b.run(batch.Slot)
		if err != nil {
			return err
		}
		feed.Release(batch)
		if more, err := clock.tick(loss); err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// peerClock measures steps as peer/clock.py does.
type peerClock struct {
	run         peerRun
	began, last time.Time
	steps       int
	answer      peerAnswer
}

// tick ends a step, and tells whether there is another.
func (c *peerClock) tick(loss float32) (more bool, err error) {
	if math.IsNaN(float64(loss)) || math.IsInf(float64(loss), 0) {
		return false, fmt.Errorf("bench: the loss of step %d is %v, want a number: try a lower --lr", c.steps, loss)
	}
	now := time.Now()
	ms := float64(now.Sub(c.last)) / float64(time.Millisecond)
	c.last = now
	if c.steps == 0 {
		c.answer.FirstMS = ms
	}
	c.steps++
	c.answer.Losses = append(c.answer.Losses, float64(loss))
	timed := c.steps - c.run.Warmup
	if timed < 1 {
		return true, nil
	}
	c.answer.MS = append(c.answer.MS, ms)
	return timed < c.run.Repeat && now.Sub(c.began).Seconds() <= c.run.Seconds, nil
}
