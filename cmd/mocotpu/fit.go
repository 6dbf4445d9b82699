package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu/plan"
)

// fitting is what --fit found.
type fitting struct {
	// Settings are the plans of the batch that was asked for, in every precision and with and without computing blocks
	// again; Cheapest is the best that fits of them, nil if none does.
	Settings []*plan.Plan `json:"settings"`
	Cheapest *plan.Plan   `json:"cheapest"`
	// Batches are the plans of the search for the largest batch with the settings given, Largest what it found, TooBig the
	// smallest that does not fit.
	Batches []*plan.Plan `json:"batches"`
	Largest *plan.Plan   `json:"largest"`
	TooBig  int          `json:"too_big"`
}

// fit finds the cheapest way to fit the given batch, and the largest batch.
func (c *compiler) fit(ctx context.Context, w io.Writer, t compileTarget) error {
	if t.target.Usable == 0 {
		return usageError{fmt.Errorf("compile: --fit for %s, whose memory is not known here: it is for --topology", t.target.Name)}
	}
	var f fitting
	try := func(config run.Config) (*plan.Plan, error) {
		t.job.Config = config
		if err := config.Validate(); err != nil {
			return nil, err
		}
		_, p, err := c.compile(ctx, t)
		return p, err
	}
	config := t.job.Config
	for _, s := range []struct{ precision, remat string }{
		{"float32", "none"}, {"bfloat16", "none"}, {"float32", "block"}, {"bfloat16", "block"},
	} {
		changed := config
		changed.Encoder.Precision, changed.Encoder.Remat = s.precision, s.remat
		p, err := try(changed)
		if err != nil {
			return err
		}
		f.Settings = append(f.Settings, p)
	}
	f.Cheapest = plan.Cheapest(f.Settings)
	var err error
	f.Largest, f.TooBig, err = plan.LargestBatch(config.MoCo.Batch, granule(config.MoCo), func(batch int) (*plan.Plan, error) {
		larger := config
		larger.MoCo.Batch, larger.MoCo.Queue = batch, max(config.MoCo.Queue, keys(config.MoCo, batch))
		p, err := try(larger)
		if err == nil {
			f.Batches = append(f.Batches, p)
		}
		return p, err
	})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := f.write(&b, c.flags.json, config); err != nil {
		return err
	}
	if err := c.put(w, b.Bytes()); err != nil {
		return err
	}
	if f.Cheapest == nil {
		return fmt.Errorf("compile: %w: batch %d for %s, whatever the settings", errTooBig, config.MoCo.Batch, t.target.Name)
	}
	return nil
}

// granule is what batches are multiples of: the images that the shuffle exchanges among all groups.
func granule(m moco.Config) int {
	if m.Shuffle && moco.ShuffleSet(m.Groups, m.Batch) == m.Groups {
		return m.Groups * m.Groups
	}
	return m.Batch // the shape of the shuffle stays as it is
}

// keys is what a step of so many images enqueues: the queue must hold it.
func keys(m moco.Config, batch int) int {
	if m.Symmetric {
		return 2 * batch
	}
	return batch
}

func (f *fitting) write(b *bytes.Buffer, asJSON bool, config run.Config) error {
	if asJSON {
		e := json.NewEncoder(b)
		e.SetIndent("", "  ")
		return e.Encode(f)
	}
	e := config.Encoder
	fmt.Fprintf(b, "settings for batch %d\n", config.MoCo.Batch)
	err := plan.WriteTable(b, f.Settings)
	if f.Cheapest != nil {
		fmt.Fprintf(b, "cheapest that fits: --precision=%s --remat=%s, ideal step %.1f ms\n", f.Cheapest.Program.Precision, f.Cheapest.Program.Remat,
			1e3*f.Cheapest.Time.Step)
	} else {
		fmt.Fprint(b, "none of them fits\n")
	}
	fmt.Fprintf(b, "\nbatches with --precision=%s --remat=%s\n", e.Precision, e.Remat)
	err = errors.Join(err, plan.WriteTable(b, f.Batches))
	switch {
	case f.Largest == nil:
		fmt.Fprintf(b, "no batch fits down to %d\n", f.TooBig)
	case f.TooBig == 0:
		fmt.Fprintf(b, "largest tried: %d, and it fits\n", f.Largest.Program.Batch)
	default:
		fmt.Fprintf(b, "largest batch that fits: %d = %d a device (%d does not)\n", f.Largest.Program.Batch,
			f.Largest.Program.Batch/f.Largest.Target.Devices, f.TooBig)
	}
	return err
}
