package run

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/lock"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// The values of Summary.State.
const (
	StateTraining   = "training"   // a process holds the directory
	StateFinished   = "finished"   // its newest checkpoint is that of the last step
	StateStopped    = "stopped"    // it can go on
	StateUnreadable = "unreadable" // see Problem
)

// Summary is a run directory at a glance. Without rows of that kind, numbers are NaN, which is null in JSON.
type Summary struct {
	Dir   string `json:"dir"`
	State string `json:"state"`
	// Step is the step of the newest row, and Epoch the epoch that it is in, counted from 1. Epochs is what the schedule spans.
	// It is 0 for a run that is measured in steps; Steps is then their number.
	Step   int `json:"step"`
	Epoch  int `json:"epoch"`
	Epochs int `json:"epochs"`
	Steps  int `json:"steps"`
	// Loss and ImagesPerSecond are those of the newest row.
	Loss            Float `json:"loss"`
	ImagesPerSecond Float `json:"images_per_second"`
	// BestKNN is the best headline accuracy of the evaluations after the first step, in percent.
	BestKNN Float `json:"best_knn"`
	// LabelFree is the newest evaluation without labels, if there is one.
	LabelFree *LabelFree `json:"label_free,omitempty"`
	// Problem says why a run is unreadable.
	Problem string `json:"problem,omitempty"`
	Config  Config `json:"config"`
}

// List summarises the run directories below a folder, or the folder if it is one, in the order of their names. Links are
// not followed. A run that cannot be read is listed as such, and so is a folder that this user may not read, such as lost+found.
func List(folder string) ([]Summary, error) {
	l := lister{folder: folder, found: []Summary{}}
	if err := filepath.WalkDir(folder, l.visit); err != nil {
		return nil, fmt.Errorf("run: list: %w", err)
	}
	return l.found, nil
}

// lister gathers what List finds.
type lister struct {
	folder string
	found  []Summary
}

// visit is an [fs.WalkDirFunc].
func (l *lister) visit(dir string, entry fs.DirEntry, err error) error {
	if errors.Is(err, fs.ErrPermission) && dir != l.folder {
		l.found = append(l.found, unreadable(newSummary(dir, Config{}), err))
		return fs.SkipDir
	}
	if err != nil || !entry.IsDir() {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, ConfigFile)); err != nil {
		return nil
	}
	record, err := ReadRecord(dir)
	switch {
	case errors.Is(err, ErrNotRun):
		return nil
	case err != nil:
		l.found = append(l.found, unreadable(newSummary(dir, Config{}), err))
	default:
		l.found = append(l.found, summarise(dir, record.Config))
	}
	return fs.SkipDir
}

func newSummary(dir string, c Config) Summary {
	nan := Float(math.NaN())
	return Summary{
		Dir: dir, State: StateStopped, Epochs: c.Run.Epochs, Steps: c.Run.Steps, Loss: nan, ImagesPerSecond: nan, BestKNN: nan, Config: c,
	}
}

func unreadable(s Summary, err error) Summary {
	s.State, s.Problem = StateUnreadable, err.Error()
	return s
}

func summarise(dir string, c Config) Summary {
	s := newSummary(dir, c)
	rows, knn, err := ReadMetrics(dir)
	if err != nil {
		return unreadable(s, err)
	}
	if len(rows) > 0 {
		last := rows[len(rows)-1]
		s.Step, s.Epoch, s.Loss, s.ImagesPerSecond = last.Step, last.Epoch+1, last.Loss, last.Time.ImagesPerSecond
	}
	for _, row := range knn {
		if row.LabelFree != nil {
			s.LabelFree = row.LabelFree
		}
		if h := Float(row.Headline()); row.Step > 0 && (h > s.BestKNN || !s.BestKNN.Finite()) {
			s.BestKNN = h
		}
	}
	state, err := checkpoint.LastState(dir)
	switch {
	case held(dir):
		s.State = StateTraining
	case errors.Is(err, checkpoint.ErrNone):
	case err != nil:
		return unreadable(s, err)
	case c.Run.Epochs > 0 && state.Epoch >= c.Run.Epochs || c.Run.Steps > 0 && state.Step >= c.Run.Steps:
		s.State = StateFinished
	}
	return s
}

// held tells whether a trainer has the directory's lock.
func held(dir string) bool {
	f, err := regular.Open(filepath.Join(dir, lockFile))
	if err != nil {
		return false
	}
	defer f.Close() // which gives the lock back, if this took it
	return errors.Is(lock.TryShared(f), lock.ErrHeld)
}
