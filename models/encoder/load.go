package encoder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/run"
)

// ErrNotEncoder says that a file holds no encoder that [Load] can read.
var ErrNotEncoder = errors.New("not an encoder")

// Load reads a trained encoder from a run directory or a file; see the package comment. A run directory is not locked:
// its trainer may be at work. The error is [ErrNotEncoder] for a file of another kind; for a directory it is
// [run.ErrNotRun], checkpoint.ErrNone or checkpoint.ErrDamaged.
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
		return loadRunDir(path)
	}
	w, err := loadFile(path)
	if err != nil {
		return nil, fmt.Errorf("encoder: %s: %w", path, err)
	}
	w.Path = filepath.Clean(path)
	return w, nil
}

func loadRunDir(dir string) (*Weights, error) {
	r, err := LoadRun(dir)
	if err != nil {
		return nil, err
	}
	w := r.Query
	w.Path, w.Run = filepath.Clean(dir), &r.Config
	// config.json is newer than the checkpoint's configuration where the data has moved since.
	switch record, err := run.ReadRecord(dir); {
	case err == nil:
		w.Run = &record.Config
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return w, nil
}
