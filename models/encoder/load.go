package encoder

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/pretrain"
)

// ErrNotEncoder says that a file holds no encoder that [Load] can read.
var ErrNotEncoder = errors.New("not an encoder")

// Load reads a trained encoder from a run directory or a file; see the package comment. A run directory is not locked:
// its trainer may be at work. The error is [ErrNotEncoder] for a file of another kind, pretrain.ErrNoCheckpoint or
// pretrain.ErrDamaged for a directory.
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
	checkpoint, err := pretrain.LoadCheckpoint(dir)
	if err != nil {
		return nil, err
	}
	run := checkpoint.State.Config
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
				Step: checkpoint.State.Step, Epoch: checkpoint.State.Epoch, Versions: checkpoint.State.Versions,
			},
		},
		Values: map[string][]float32{},
		Notes:  checkpoint.Notes,
	}
	for _, t := range checkpoint.Tensors {
		name, ok := strings.CutPrefix(t.Name, moco.QueryScope+"/")
		if !ok {
			continue
		}
		if w.Values[name], err = decode(t); err != nil {
			return nil, fmt.Errorf("encoder: %s: %w", checkpoint.Dir, err)
		}
	}
	if err := errors.Join(w.Manifest.Validate(), w.check()); err != nil {
		return nil, fmt.Errorf("encoder: %s: %w", checkpoint.Dir, err)
	}
	return w, nil
}
