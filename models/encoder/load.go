package encoder

import (
	"errors"
	"fmt"
	"os"
)

// ErrNotEncoder says that a file holds no encoder that [Load] can read.
var ErrNotEncoder = errors.New("not an encoder")

// Load reads a trained encoder from a run directory or a file; see the package comment. A run directory is not locked:
// its trainer may be at work. The error is [ErrNotEncoder] for a file of another kind, checkpoint.ErrNone or
// checkpoint.ErrDamaged for a directory.
func Load(path string) (*Weights, error) {
	w, err := load(path)
	if err != nil {
		return nil, err
	}
	for _, s := range w.Suspect() {
		w.Notes = append(w.Notes, "warning: "+path+": "+s)
	}
	return w, nil
}

func load(path string) (*Weights, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	if info.IsDir() {
		run, err := LoadRun(path)
		if err != nil {
			return nil, err
		}
		return run.Query, nil
	}
	w, err := loadFile(path)
	if err != nil {
		return nil, fmt.Errorf("encoder: %s: %w", path, err)
	}
	return w, nil
}
