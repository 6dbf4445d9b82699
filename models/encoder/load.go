package encoder

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/checkpoint"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/pretrain"
)

// ErrNotEncoder says that a file holds no encoder that [Load] can read.
var ErrNotEncoder = errors.New("not an encoder")

// Load reads a trained encoder from a run directory or a file; see the package comment. A run directory is not locked:
// its trainer may be at work. The error is [ErrNotEncoder] for a file of another kind, checkpoint.ErrNone or
// checkpoint.ErrDamaged for a directory.
func Load(path string) (*Weights, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	if info.IsDir() {
		return loadRun(path)
	}
	w, err := loadFile(path)
	if err != nil {
		return nil, fmt.Errorf("encoder: %s: %w", path, err)
	}
	return w, nil
}

// loadRun takes the query encoder of the newest good checkpoint.
func loadRun(dir string) (*Weights, error) {
	saved, err := checkpoint.Load(dir)
	if err != nil {
		return nil, err
	}
	run, err := pretrain.ConfigOf(saved.State)
	if err != nil {
		return nil, err
	}
	step, err := run.Step()
	if err != nil {
		return nil, err
	}
	views, err := augment.Preset(run.Views.Preset)
	if err != nil {
		return nil, err
	}
	w := &Weights{
		Manifest: Manifest{
			Network: NewNetwork(step.Encoder),
			Input:   NewInput(run.Views.ImageSize, views.Mean, views.Std),
			Source: Source{
				Preset: run.Preset, Data: strings.TrimSuffix(run.Data.Kind+"/"+run.Data.Split, "/"),
				Step: saved.State.Step, Epoch: saved.State.Epoch, Versions: saved.State.Versions,
			},
		},
		Values: map[string][]float32{},
		Notes:  saved.Notes,
	}
	for _, t := range saved.Tensors {
		name, ok := strings.CutPrefix(t.Name, moco.QueryScope+"/")
		if !ok {
			continue
		}
		if w.Values[name], err = decode(t); err != nil {
			return nil, fmt.Errorf("encoder: %s: %w", saved.Dir, err)
		}
	}
	if err := errors.Join(w.Manifest.Validate(), w.check()); err != nil {
		return nil, fmt.Errorf("encoder: %s: %w", saved.Dir, err)
	}
	return w, nil
}
