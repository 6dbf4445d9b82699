package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"

	"github.com/mocotpu/mocotpu/models/moco"
)

// torchScript is the step in PyTorch; Python reads it from its standard input.
//
//go:embed peer/torch_step.py
var torchScript []byte

// torchCase is what the script is told.
type torchCase struct {
	Arch        string  `json:"arch"`
	Width       int     `json:"width"`
	Stem        string  `json:"stem"`
	Head        string  `json:"head"`
	Dim         int     `json:"dim"`
	Precision   string  `json:"precision"`
	ImageSize   int     `json:"image_size"`
	Batch       int     `json:"batch"`
	Queue       int     `json:"queue"`
	KeyMomentum float64 `json:"key_momentum"`
	Temperature float64 `json:"temperature"`
	Groups      int     `json:"groups"`
	Shuffle     bool    `json:"shuffle"`
	Symmetric   bool    `json:"symmetric"`
	LR          float64 `json:"lr"`
	SGDMomentum float64 `json:"sgd_momentum"`
	WeightDecay float64 `json:"weight_decay"`
	Seed        uint64  `json:"seed"`
	Device      string  `json:"device"`
	Threads     int     `json:"threads"`
	Repeat      int     `json:"repeat"`
}

// torchAnswer is what the script prints, or why there is no comparison.
type torchAnswer struct {
	Torch       string `json:"torch,omitempty"`
	Torchvision string `json:"torchvision,omitempty"`
	Device      string `json:"device,omitempty"`
	Threads     int    `json:"threads,omitempty"`
	// Missing says why there is no comparison; "" if there is one.
	Missing  string         `json:"missing,omitempty"`
	Variants []torchVariant `json:"variants,omitempty"`
}

type torchVariant struct {
	Name string    `json:"name"`
	Loss float64   `json:"loss"`
	MS   []float64 `json:"ms"`
}

// benchTorch times the step in PyTorch. A Python without it is an answer, not an error: the only error is the
// context's.
func benchTorch(ctx context.Context, report *benchReport, step moco.Config, o benchOptions, talk io.Writer) (torchAnswer, error) {
	config := report.Config
	device := map[string]string{"go": "cpu", "cpu": "cpu", "cuda": "cuda"}[config.Engine.Backend]
	switch {
	case o.python == "":
		return torchAnswer{Missing: "--python is empty"}, nil
	case device == "":
		return torchAnswer{Missing: "PyTorch has no engine " + config.Engine.Backend}, nil
	}
	c := torchCase{
		Arch: step.Encoder.Arch, Width: step.Encoder.Width, Stem: step.Encoder.Stem, Head: step.Encoder.Head,
		Dim: step.Encoder.Dim, Precision: step.Encoder.Precision, ImageSize: step.ImageSize, Batch: step.Batch,
		Queue: step.QueueLen, KeyMomentum: step.KeyMomentum, Temperature: step.Temperature, Groups: step.Groups,
		Shuffle: step.Shuffle, Symmetric: step.Symmetric, LR: config.Optim.LR, SGDMomentum: step.SGDMomentum,
		WeightDecay: step.WeightDecay, Seed: config.Run.Seed, Device: device, Threads: runtime.NumCPU(), Repeat: o.repeat,
	}
	fmt.Fprintf(talk, "PyTorch of %s, if it has it ...\n", o.python)
	answer, err := runTorch(ctx, o.python, c)
	if ctx.Err() != nil {
		return answer, ctx.Err()
	}
	if err != nil {
		return torchAnswer{Missing: err.Error()}, nil
	}
	answer.Device, answer.Threads = c.Device, c.Threads
	return answer, nil
}

// runTorch runs the script.
func runTorch(ctx context.Context, python string, c torchCase) (torchAnswer, error) {
	var answer torchAnswer
	text, err := json.Marshal(c)
	if err != nil {
		return answer, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, python, "-", string(text))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(torchScript), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if last := lastLine(stderr.String()); last != "" {
			err = fmt.Errorf("%s: %w: %s", python, err, last)
		}
		return answer, err
	}
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		return answer, fmt.Errorf("%s: its answer is no JSON (%w): %s", python, err, lastLine(stdout.String()))
	}
	if answer.Missing != "" {
		return answer, fmt.Errorf("%s: %s", python, answer.Missing)
	}
	for _, v := range answer.Variants {
		if len(v.MS) == 0 {
			return answer, fmt.Errorf("%s: no times of %s", python, v.Name)
		}
	}
	if len(answer.Variants) == 0 {
		return answer, errors.New(python + ": no times")
	}
	return answer, nil
}
