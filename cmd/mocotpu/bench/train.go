package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// Train times the configuration's feed alone (images read, assembled and brought to the devices, nothing computed), its step
// alone (on a batch that is already there), and both as training runs them; a note says which of the two limits. A folder
// preset without its folder takes images drawn for the purpose.
func Train(ctx context.Context, c run.Config, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c.KNN.Every = 0 // nothing is judged
	c, cleanUp, err := withSpecimens(ctx, c, o.Talk)
	if err != nil {
		return nil, err
	}
	defer cleanUp()
	source, err := c.Data.Source("train", nil)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if err := c.ValidateData(source.Info().N); err != nil {
		return nil, err
	}
	engine, err := o.Engines.Open(c)
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	t, err := newTraining(engine, c, source)
	if err != nil {
		return nil, o.Engines.Explain(o.Talk, engine, c, err)
	}
	defer t.step.Close()
	r := newReport(o.Built)
	r.noteEngine(infoOf(engine))
	r.describe(c)
	r.Source = fmt.Sprintf("%s, %d images", source.Info().Name, source.Info().N)
	fmt.Fprintf(o.Talk, "feed, step and both, %d batches of %d each ...\n", o.Repeat, c.MoCo.Batch)
	if err := t.measure(ctx, r, o.Repeat); err != nil {
		return nil, o.Engines.Explain(o.Talk, engine, c, err)
	}
	return r, nil
}

// withSpecimens draws images where a folder preset's own folder is not there.
func withSpecimens(ctx context.Context, c run.Config, talk io.Writer) (changed run.Config, cleanUp func(), err error) {
	preset, err := run.Preset(c.Preset)
	if c.Data.Kind != "folder" || err != nil || c.Data.Dir != preset.Data.Dir {
		return c, func() {}, nil
	}
	if _, err := os.Stat(c.Data.Dir); !errors.Is(err, os.ErrNotExist) {
		return c, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "mocotpu-bench-*")
	if err != nil {
		return c, nil, err
	}
	n := max(c.MoCo.Batch*2, 512)
	fmt.Fprintf(talk, "%s is not there: drawing %d images ...\n", c.Data.Dir, n)
	err = specimen.Folder(ctx, filepath.Join(dir, "train"), specimen.Options{Images: n, Classes: 8, Width: 500, Height: 375})
	if err != nil {
		os.RemoveAll(dir)
		return c, nil, err
	}
	c.Data.Dir = dir
	return c, func() { os.RemoveAll(dir) }, nil
}

// training is a compiled step and what feeds it.
type training struct {
	engine *xla.Engine
	config run.Config
	step   *step.Step
	source data.Source
}

func newTraining(engine *xla.Engine, c run.Config, source data.Source) (*training, error) {
	t := &training{engine: engine, config: c, source: source}
	definition, err := stepOf(c)
	if err != nil {
		return nil, err
	}
	c.Engine.Devices = engine.NumDevices()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	info := source.Info()
	t.step, err = step.Compiled(engine, engine.NumDevices(), definition, c.Run.Seed, info.Size, info.Channels)
	return t, err
}

// measure times the three, each after a batch that warms up.
func (t *training) measure(ctx context.Context, r *Report, repeat int) error {
	for _, pass := range []struct {
		name              string
		feeding, stepping bool
	}{{"Feed", true, false}, {"Step", false, true}, {"Train", true, true}} {
		row := Row{Name: pass.name, Images: t.config.MoCo.Batch, Labels: stepLabels(t.config, t.config.Views.Preset, t.engine.NumDevices())}
		host, err := t.pass(ctx, &row, repeat, pass.feeding, pass.stepping)
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, row)
		if pass.feeding && pass.stepping && host != "" {
			r.Notes = append(r.Notes, host)
		}
	}
	both := &r.Rows[2]
	both.set(anonUnit, float64(anonymousMemory()))
	feed, step := r.Rows[0].rate(), r.Rows[1].rate()
	limit := "step"
	if feed < step {
		limit = "data"
	}
	r.Notes = append(r.Notes, fmt.Sprintf("the %s limits: the other is %.1f times as fast; waiting for data %.1f%% of the time",
		limit, max(feed, step)/min(feed, step), 100*both.Values[waitUnit]/both.ns()))
	return nil
}

// pass takes batches from the feed, all or only the first, and runs the step on them or not. The row gets the mean time.
func (t *training) pass(ctx context.Context, row *Row, repeat int, feeding, stepping bool) (host string, err error) {
	feed, err := train.NewFeed(t.step, t.source, t.config.Views.Augment, t.config.Run.Seed)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, feed.Close()) }()
	last := repeat + 1
	if !feeding {
		last = 1
	}
	batches := feed.Start(ctx, 0, last)
	var batch train.Batch
	var watch hostWatch
	var waited time.Duration
	for i := range repeat + 1 {
		if i == 1 {
			watch = watchHost(t.engine)
		}
		if feeding || i == 0 {
			waiting := time.Now()
			var ok bool
			if batch, ok = <-batches; !ok {
				return "", context.Cause(ctx)
			}
			if batch.Err != nil {
				return "", batch.Err
			}
			if i > 0 {
				waited += time.Since(waiting)
			}
		}
		if stepping {
			if ctx.Err() != nil {
				return "", context.Cause(ctx)
			}
			if _, err := t.run(batch.Slot); err != nil {
				return "", err
			}
		}
		if feeding {
			feed.Release(batch)
		}
	}
	took := time.Since(watch.start)
	row.Samples, row.Iterations = []float64{float64(took / time.Duration(repeat))}, repeat
	if !feeding || !stepping {
		return "", nil
	}
	return watch.note(row, repeat, took, waited, feed.InputBytes()), nil
}

// run executes the step and waits for its loss.
func (t *training) run(slot *mesh.Slot) (loss float32, err error) {
	figures, err := t.step.Run(slot, float32(t.config.Optim.LR))
	if err != nil {
		return 0, fmt.Errorf("bench: step: %w", err)
	}
	return figures[moco.FigureLoss], nil
}
