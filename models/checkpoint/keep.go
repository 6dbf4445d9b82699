package checkpoint

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/durable"
)

// Keep says which checkpoints stay when a new one is written: those that any of its fields wants.
type Keep struct {
	// Last is how many of the newest stay; at least 1. With one, a damaged file
	// may leave nothing to fall back on.
	Last int `json:"last"`
	// Every lets the checkpoints of every so many steps stay; 0 none.
	Every int `json:"every"`
	// Best lets the one with the best score stay, the older of equal ones.
	Best bool `json:"best"`
}

// prune removes the checkpoints up to step that keep does not want, and all later ones. A checkpoint is renamed before
// it is removed, so that a crash leaves no half of one.
func prune(fs durable.FileSystem, runDir string, step int, keep Keep) error {
	if err := removeTemporary(fs, runDir); err != nil {
		return err
	}
	steps, err := Steps(runDir)
	if err != nil {
		return err
	}
	at := slices.Index(steps, step)
	wanted := keep.wanted(steps[:at+1], func(step int) float64 { return score(runDir, step) })
	for _, old := range steps {
		if slices.Contains(wanted, old) {
			continue
		}
		name := filepath.Join(runDir, Name(old))
		if err := fs.Rename(name, name+durable.TempSuffix); err != nil {
			return err
		}
		if err := fs.RemoveAll(name + durable.TempSuffix); err != nil {
			return err
		}
	}
	return nil
}

// wanted returns which of steps, ascending, stay.
func (k Keep) wanted(steps []int, score func(step int) float64) []int {
	stay := slices.Clone(steps[max(0, len(steps)-max(k.Last, 1)):])
	best, bestScore := -1, math.Inf(-1)
	for _, step := range steps {
		if k.Every > 0 && step > 0 && step%k.Every == 0 {
			stay = append(stay, step)
		}
		if !k.Best {
			continue
		}
		if s := score(step); s > bestScore {
			best, bestScore = step, s
		}
	}
	return append(stay, best)
}

// score returns that of a checkpoint, NaN where it has none or cannot be read: then it is not the best.
func score(runDir string, step int) float64 {
	state, err := readState(filepath.Join(runDir, Name(step)))
	if err != nil || state.Score == nil {
		return math.NaN()
	}
	return *state.Score
}

// removeTemporary removes what killed writers left.
func removeTemporary(fs durable.FileSystem, runDir string) error {
	entries, err := os.ReadDir(runDir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, temporary := strings.CutSuffix(entry.Name(), durable.TempSuffix)
		if _, ours := stepNumber(name); !temporary || !ours {
			continue
		}
		if err := fs.RemoveAll(filepath.Join(runDir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
