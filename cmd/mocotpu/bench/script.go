package bench

import (
	"context"
	"embed"
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

// scripts are the programs in Python that ours are compared with.
//
//go:embed peer/*.py
var scripts embed.FS

// writeScripts puts the scripts into dir, from where Python runs them.
func writeScripts(dir string) error { return os.CopyFS(dir, scripts) }

// python runs scripts.
type python struct {
	path  string        // of the interpreter
	dir   string        // where writeScripts put them
	env   []string      // beside this process's
	limit time.Duration // of a script; 0 is none
}

// ask runs a script with a case and returns its answer. One of a script that failed says why there are no times; an error is the
// end of the context.
func (p python) ask(ctx context.Context, script string, theCase any) (a answer, err error) {
	text, err := json.Marshal(theCase)
	if err != nil {
		return a, err
	}
	printed, err := child.Command{
		Args: []string{p.path, filepath.Join(p.dir, "peer", script), string(text)},
		Env:  append([]string{"PYTHONDONTWRITEBYTECODE=1"}, p.env...), Limit: p.limit,
	}.Run(ctx)
	if err == nil {
		if err = json.Unmarshal(printed, &a); err != nil {
			err = fmt.Errorf("%s: the answer is no JSON (%w): %.100q", p.path, err, printed)
		}
	}
	if err != nil {
		return answer{Missing: missing(err, p.limit)}, ctx.Err()
	}
	return a, nil
}

// peerCase is what a script is given; peer/clock.py explains it.
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
	Start       string         `json:"start"`
	pace
}

// newPeerCase is the case of a configuration's step.
func newPeerCase(c run.Config, step moco.Step, device string) peerCase {
	return peerCase{
		Arch: step.Encoder.Arch, Width: step.Encoder.Width, Stem: step.Encoder.Stem, Head: step.Encoder.Head,
		Dim: step.Encoder.Dim, Precision: step.Encoder.Precision, ImageSize: step.ImageSize, Batch: step.Batch,
		KeyMomentum: step.KeyMomentum, Temperature: step.Temperature, Groups: step.Groups,
		Shuffle: step.Shuffle, Symmetric: step.Symmetric, LR: c.Optim.LR, SGDMomentum: step.SGDMomentum,
		WeightDecay: step.WeightDecay, Views: c.Views.Augment, Seed: c.Run.Seed, Device: device,
		Threads: runtime.NumCPU(), Workers: runtime.NumCPU(), Set: c.Data.Dir,
	}
}
