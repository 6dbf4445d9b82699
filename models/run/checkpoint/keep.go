package checkpoint

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/durable"
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
	// BestBy names the figure that is the score; "" leaves that to the run.
	BestBy string `json:"best_by,omitempty"`
}

// Scores says how good a run was after some of its steps, more being better.
type Scores map[int]float64

// prune removes the checkpoints up to step that keep does not want, and all later ones. A checkpoint is renamed before
// it is removed, so that a crash leaves no half of one.
func prune(fs durable.FileSystem, runDir string, step int, keep Keep, scores Scores) error {
	if err := removeTemporary(fs, runDir); err != nil {
		return err
	}
	steps, err := Steps(runDir)
	if err != nil {
		return err
	}
	at := slices.Index(steps, step)
	wanted := keep.wanted(steps[:at+1], scores)
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
func (k Keep) wanted(steps []int, scores Scores) []int {
	stay := slices.Clone(steps[max(0, len(steps)-max(k.Last, 1)):])
	best, bestScore := -1, math.Inf(-1)
	for _, step := range steps {
		if k.Every > 0 && step > 0 && step%k.Every == 0 {
			stay = append(stay, step)
		}
		if score, ok := scores[step]; ok && k.Best && score > bestScore {
			best, bestScore = step, score
		}
	}
	return append(stay, best)
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
