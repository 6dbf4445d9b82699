package main

import (
	"bytes"
	"context"
	goembed "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
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

// errLimit says that a program was killed.
var errLimit = errors.New("killed")

// childError is the failure of a program.
type childError struct {
	program string
	code    int    // its exit code, -1 where it has none
	said    string // on standard error
	err     error
}

func (e *childError) Error() string {
	if last := lastLine(e.said); last != "" {
		return fmt.Sprintf("%s: %v: %s", e.program, e.err, last)
	}
	return fmt.Sprintf("%s: %v", e.program, e.err)
}

// child is a program that prints one JSON object.
type child struct {
	argv  []string
	env   []string // beside this process's
	stdin []byte
	limit time.Duration // 0 is none
}

// ask runs the child and decodes its answer. Behind the limit it is killed, with all processes it started. A failure is a
// childError.
func (c child) ask(ctx context.Context, answer any) error {
	limited := ctx
	if c.limit > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, c.limit)
		defer cancel()
	}
	cmd := exec.CommandContext(limited, c.argv[0], c.argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), append(c.env, "PYTHONDONTWRITEBYTECODE=1")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(c.stdin), &stdout, &stderr
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("%w after %s (--limit)", errLimit, c.limit)
	case err != nil:
		return &childError{c.argv[0], cmd.ProcessState.ExitCode(), stderr.String(), err}
	}
	if err := json.Unmarshal(stdout.Bytes(), answer); err != nil {
		return fmt.Errorf("%s: its answer is no JSON (%w): %s", c.argv[0], err, lastLine(stdout.String()))
	}
	return nil
}

// askScript runs a script with a case.
func askScript(ctx context.Context, c child, python, script string, theCase, answer any) error {
	text, err := json.Marshal(theCase)
	if err != nil {
		return err
	}
	c.argv = []string{python, script, string(text)}
	return c.ask(ctx, answer)
}
