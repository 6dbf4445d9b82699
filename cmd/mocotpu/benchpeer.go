package main

import (
	"context"
	goembed "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/child"
)

// peerScripts are the programs in Python that ours are compared with.
//
//go:embed peer/*.py
var peerScripts goembed.FS

// writePeers puts the scripts into dir, from where Python runs them.
func writePeers(dir string) error {
	return os.CopyFS(dir, peerScripts)
}

// peerScript is where writePeers put a script.
func peerScript(dir, name string) string { return filepath.Join(dir, "peer", name) }

// peerCase is what a script is told; peer/clock.py explains it.
type peerCase struct {
	What        string         `json:"what"`
	Variant     string         `json:"variant"`
	Arch        string         `json:"arch"`
	Width       int            `json:"width"`
	Stem        string         `json:"stem"`
	Head        string         `json:"head"`
	Precision   string         `json:"precision"`
	ImageSize   int            `json:"image_size"`
	Batch       int            `json:"batch"`
	KeyMomentum float64        `json:"key_momentum"`
	Temperature float64        `json:"temperature"`
	Groups      int            `json:"groups"`
	Shuffle     bool           `json:"shuffle"`
	Symmetric   bool           `json:"symmetric"`
	Dim         int            `json:"dim"`
	LR          float64        `json:"lr"`
	SGDMomentum float64        `json:"sgd_momentum"`
	WeightDecay float64        `json:"weight_decay"`
	Views       augment.Config `json:"views"`
	Seed        uint64         `json:"seed"`
	Device      string         `json:"device"`
	Threads     int            `json:"threads"`
	Workers     int            `json:"workers"`
	Set         string         `json:"set"`
	peerRun
}

// peerRun is what our own program is told, too: where the start is, and how long to run.
type peerRun struct {
	Start   string  `json:"start"`
	Warmup  int     `json:"warmup"`
	Repeat  int     `json:"repeat"`
	Seconds float64 `json:"seconds"`
}

// newPeerCase is the case of a configuration's step.
func newPeerCase(c run.Config, step moco.Step, views augment.Config, device string) peerCase {
	return peerCase{
		Arch: step.Encoder.Arch, Width: step.Encoder.Width, Stem: step.Encoder.Stem, Head: step.Encoder.Head,
		Dim: step.Encoder.Dim, Precision: step.Encoder.Precision, ImageSize: step.ImageSize, Batch: step.Batch,
		KeyMomentum: step.KeyMomentum, Temperature: step.Temperature, Groups: step.Groups,
		Shuffle: step.Shuffle, Symmetric: step.Symmetric, LR: c.Optim.LR, SGDMomentum: step.SGDMomentum,
		WeightDecay: step.WeightDecay, Views: views, Seed: c.Run.Seed, Device: device,
		Threads: runtime.NumCPU(), Workers: runtime.NumCPU(),
	}
}

// peerAnswer is what a program prints: a script, or ours.
type peerAnswer struct {
	Versions string `json:"versions"`
	// FirstMS is the first step's time; MS are the timed ones'. Losses are those of all steps.
	FirstMS float64   `json:"first_ms"`
	MS      []float64 `json:"ms"`
	Losses  []float64 `json:"losses"`
	// PeakBytes is the most memory that the process held. DeviceBytes is what the step needs on a device, as
	// the program's compiler or allocator tells it; 0 is unknown.
	PeakBytes   int64 `json:"peak_bytes"`
	DeviceBytes int64 `json:"device_bytes"`
	// Missing says why there are no times.
	Missing string `json:"missing"`
}

// askScript runs a script with a case, and decodes what it prints, one JSON object. A failure is a [child.Error]; one that
// takes longer than the limit, if that is not 0, is killed.
func askScript(ctx context.Context, env []string, limit time.Duration, python, script string, theCase, answer any) error {
	text, err := json.Marshal(theCase)
	if err != nil {
		return err
	}
	printed, err := child.Command{
		Args: []string{python, script, string(text)}, Env: append(env, "PYTHONDONTWRITEBYTECODE=1"), Limit: limit,
	}.Run(ctx)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(printed, answer); err != nil {
		return fmt.Errorf("%s: its answer is no JSON (%w): %.200q", python, err, printed)
	}
	return nil
}
