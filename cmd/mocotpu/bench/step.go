package bench

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Step times one training step of the configuration over noise, from uint8 images on the host to the new state: on each
// number of devices with the configuration's views, and on the first with views that only scale; a step in micro-batches on
// the first with the whole batch at once, too. One program runs after the other, so that none takes another's cores.
func Step(ctx context.Context, c run.Config, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c, counts, err := settle(c, o.Counts, o.Engines.look)
	if err != nil {
		return nil, err
	}
	if _, err := stepOf(c); err != nil {
		return nil, err
	}
	r := newReport(o.Built)
	r.describe(c)
	kinds := []stepViews{presetViews(c), plainViews(c)}
	for _, n := range counts {
		if err := o.stepOn(ctx, r, c, n, kinds); err != nil {
			return nil, err
		}
		kinds = kinds[:1] // the plain views once: the first engine says what the others cost
	}
	if c.MoCo.Micro > 1 {
		whole := c
		whole.MoCo.Micro = 0
		if err := o.stepOn(ctx, r, whole, counts[0], kinds); err != nil {
			return nil, err
		}
		r.Notes = append(r.Notes, fmt.Sprintf("in %d micro-batches: %.2f times the step of the whole batch at once, on %d device(s)",
			c.MoCo.Micro, r.Rows[0].ns()/r.Rows[len(r.Rows)-1].ns(), counts[0]))
	}
	first := r.Rows[0]
	for i := range r.Rows {
		if row := &r.Rows[i]; row.label("views") == kinds[0].name {
			row.set(overheadUnit, row.ns()/first.ns())
			continue
		}
		cost := first.ns() - r.Rows[i].ns()
		r.Notes = append(r.Notes, fmt.Sprintf("views %s in the step: %.1f ms, %.0f%% of it, on %d device(s)", kinds[0].name, cost/1e6, 100*cost/first.ns(), counts[0]))
	}
	return r, nil
}

// check finds what is wrong with options that all measurements of a step have.
func (o Options) check() error {
	var check settings.Check
	check.That(o.Repeat > 0, "bench.repeat", "is %d, want at least 1", o.Repeat)
	return check.Err()
}

// stepOn opens a fresh engine of n devices and times the step there with each kind of views.
func (o Options) stepOn(ctx context.Context, r *Report, c run.Config, n int, kinds []stepViews) error {
	c.Engine.Devices = n
	engine, err := o.Engines.Open(c)
	if err != nil {
		return err
	}
	defer engine.Close()
	r.noteEngine(infoOf(engine))
	for _, views := range kinds {
		fmt.Fprintf(o.Talk, "%s, %d device(s), %s views: compiling, then %d steps ...\n", engine.EngineName(), n, views.name, o.Repeat)
		clock := clock{pace: pace{Warmup: 1, Repeat: o.Repeat, Seconds: math.Inf(1)}, began: time.Now()}
		if err := timeSteps(ctx, engine, c, views, n, nil, &clock); err != nil {
			return o.Engines.Explain(o.Talk, engine, c, err)
		}
		row := Row{Name: "Step", Labels: stepLabels(c, views.name, n), Images: c.MoCo.Batch}
		row.take(clock.answer)
		r.Rows = append(r.Rows, row)
	}
	return nil
}
