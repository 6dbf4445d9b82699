package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"github.com/mocotpu/mocotpu/models/data"
)

// loaderScript is PyTorch's loader; Python reads it from its standard input.
//
//go:embed peer/torch_loader.py
var loaderScript []byte

// loaderAnswer is what the script prints, or why there is no comparison.
type loaderAnswer struct {
	Torch       string  `json:"torch,omitempty"`
	Torchvision string  `json:"torchvision,omitempty"`
	Pillow      string  `json:"pillow,omitempty"`
	Images      int     `json:"images,omitempty"`
	Seconds     float64 `json:"seconds,omitempty"`
	Missing     string  `json:"missing,omitempty"`
}

// benchLoader times PyTorch's loader on a folder of class folders. A Python without it is an answer, not an error.
func benchLoader(ctx context.Context, folder string, o benchDataOptions) loaderAnswer {
	if o.python == "" {
		return loaderAnswer{Missing: "--python is empty"}
	}
	text, err := json.Marshal(map[string]any{"folder": folder, "size": o.canvas, "workers": o.workers, "batch": o.batch})
	if err != nil {
		return loaderAnswer{Missing: err.Error()}
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, o.python, "-", string(text))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(loaderScript), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return loaderAnswer{Missing: fmt.Sprintf("%s: %v: %s", o.python, err, lastLine(stderr.String()))}
	}
	var answer loaderAnswer
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		return loaderAnswer{Missing: fmt.Sprintf("%s: its answer is no JSON (%v): %s", o.python, err, lastLine(stdout.String()))}
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
