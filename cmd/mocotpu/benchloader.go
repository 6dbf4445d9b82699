package main

import (
	"context"
	"time"

	"github.com/mocotpu/mocotpu/models/data"
)

// loaderAnswer is what peer/torch_loader.py prints, or why there is no comparison.
type loaderAnswer struct {
	Torch       string  `json:"torch,omitempty"`
	Torchvision string  `json:"torchvision,omitempty"`
	Pillow      string  `json:"pillow,omitempty"`
	Images      int     `json:"images,omitempty"`
	Seconds     float64 `json:"seconds,omitempty"`
	Missing     string  `json:"missing,omitempty"`
}

// benchLoader times PyTorch's loader on a folder of class folders, by the scripts of writePeers. A Python without it is an answer, not an error.
func benchLoader(ctx context.Context, scripts, folder string, o benchDataOptions) loaderAnswer {
	if o.python == "" {
		return loaderAnswer{Missing: "--python is empty"}
	}
	var answer loaderAnswer
	c := map[string]any{"folder": folder, "size": o.canvas, "workers": o.workers, "batch": o.batch}
	if err := askScript(ctx, nil, 0, o.python, peerScript(scripts, "torch_loader.py"), c, &answer); err != nil {
		return loaderAnswer{Missing: err.Error()}
	}
	if answer.Missing == "" && (answer.Images <= 0 || answer.Seconds <= 0) {
		answer.Missing = o.python + ": no times"
	}
	return answer
}

// timeBatches fills batches of a source in shuffled order, epoch after epoch, after one that warms up.
func timeBatches(ctx context.Context, source data.Source, batch, epochs int) (took time.Duration, images int, err error) {
	info := source.Info()
	dst, rows := make([]uint8, batch*info.ImageLen()), make([]data.Row, batch)
	epoch := func(n int) error {
		order := data.Order(0, n, info.N)
		for at := 0; at+batch <= info.N; at += batch {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := source.Fill(dst, rows, order[at:at+batch]); err != nil {
				return err
			}
			images += batch
		}
		return nil
	}
	if err := epoch(0); err != nil {
		return 0, 0, err
	}
	images = 0
	start := time.Now()
	for n := range epochs {
		if err := epoch(n + 1); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(start), images, nil
}
