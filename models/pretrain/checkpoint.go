package pretrain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/models/safetensors"
)

// ErrNoCheckpoint says that a directory holds no checkpoint at all.
var ErrNoCheckpoint = errors.New("no checkpoint")

// ErrDamaged says that there are checkpoints, but none that can be trusted.
var ErrDamaged = errors.New("damaged checkpoint")

// The files of a checkpoint, and the file that names the newest one.
const (
	tensorsFile = "state.safetensors"
	stateFile   = "state.json"
	stateSum    = "state.json.sha256"
	lastFile    = "LAST"
	stepPrefix  = "step-"
)

// checkpointFormat changes when older programs must not read newer files.
const checkpointFormat = 1

// State is what a checkpoint knows beside the tensors; saved as state.json.
type State struct {
	// Format is filled in by [SaveCheckpoint].
	Format int `json:"format"`
	// Step is the number of steps done; Epoch and StepInEpoch are where the next
	// one is, both from 0.
	Step        int `json:"step"`
	Epoch       int `json:"epoch"`
	StepInEpoch int `json:"step_in_epoch"`
	// Seed is the run's: with the three numbers above it determines every random
	// draw still to come.
	Seed   uint64 `json:"seed"`
	Config Config `json:"config"`
	// Versions of the program and the libraries, by name.
	Versions map[string]string `json:"versions"`
	// Tensors is filled in by [SaveCheckpoint], in its caller's order.
	Tensors []TensorSum `json:"tensors"`
}

// TensorSum describes a tensor of the checkpoint.
type TensorSum struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	SHA256 string `json:"sha256"`
}

// SaveCheckpoint writes a checkpoint of step into runDir, so that a crash at
// any moment leaves either it or the one before: files are written under a
// temporary name, made durable and renamed; then LAST is replaced, and only
// then are checkpoints beyond the newest state.Config.Run.Keep removed (3 where
// that is 0), with those of later steps, which belong to a run given up.
//
// A checkpoint that LAST already names and that is intact is left as it is: no
// step was done since. The tensors are read and not kept. The caller holds the
// run directory's lock; see [OpenDir].
func SaveCheckpoint(runDir string, step int, tensors []safetensors.Tensor, state State) error {
	if err := saveCheckpoint(disk{}, runDir, step, tensors, state); err != nil {
		return fmt.Errorf("pretrain: save checkpoint of step %d: %w", step, err)
	}
	return nil
}

func saveCheckpoint(fs fileSystem, runDir string, step int, tensors []safetensors.Tensor, state State) error {
	if step < 0 {
		return errors.New("want a step from 0")
	}
	name := stepName(step)
	final := filepath.Join(runDir, name)
	if last, err := readLast(runDir); err == nil && last == step {
		if _, err := readCheckpoint(final); err == nil {
			return nil
		}
	}
	state.Format, state.Step = checkpointFormat, step
	state.Tensors = sumTensors(tensors)
	temp := final + tempSuffix
	if err := fs.RemoveAll(temp); err != nil {
		return err
	}
	if err := writeCheckpoint(fs, temp, tensors, state); err != nil {
		fs.RemoveAll(temp) // best effort: the error above is what matters
		return err
	}
	// LAST names another step, or this one and it is damaged: nothing is lost.
	if err := fs.RemoveAll(final); err != nil {
		return err
	}
	if err := fs.Rename(temp, final); err != nil {
		return err
	}
	if err := fs.SyncDir(runDir); err != nil {
		return err
	}
	if err := replaceFile(fs, filepath.Join(runDir, lastFile), []byte(name+"\n")); err != nil {
		return err
	}
	if err := prune(fs, runDir, step, state.Config.Run.Keep); err != nil {
		return fmt.Errorf("it is saved, but older ones were not removed: %w", err)
	}
	return nil
}

// writeCheckpoint makes dir and its three files durable.
func writeCheckpoint(fs fileSystem, dir string, tensors []safetensors.Tensor, state State) error {
	if err := fs.MkdirAll(dir); err != nil {
		return err
	}
	err := writeSynced(fs, filepath.Join(dir, tensorsFile), func(w io.Writer) error {
		return safetensors.Write(w, tensors, nil)
	})
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	files := []struct {
		name    string
		content []byte
	}{
		{stateFile, text},
		// The form that `sha256sum -c` reads.
		{stateSum, []byte(hexSum(text) + "  " + stateFile + "\n")},
	}
	for _, f := range files {
		err := writeSynced(fs, filepath.Join(dir, f.name), func(w io.Writer) error {
			_, err := w.Write(f.content)
			return err
		})
		if err != nil {
			return err
		}
	}
	return fs.SyncDir(dir)
}

// prune keeps the newest keep checkpoints up to step. A checkpoint is renamed
// before it is removed, so that a crash leaves no half of one.
func prune(fs fileSystem, runDir string, step, keep int) error {
	if keep < 1 {
		keep = defaultKeep
	}
	entries, err := os.ReadDir(runDir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name, found := strings.CutSuffix(entry.Name(), tempSuffix); found {
			if _, ok := stepNumber(name); ok {
				if err := fs.RemoveAll(filepath.Join(runDir, entry.Name())); err != nil {
					return err
				}
			}
		}
	}
	steps, err := listSteps(runDir)
	if err != nil {
		return err
	}
	var remove []int
	at := slices.Index(steps, step)
	remove = append(remove, steps[:max(0, at+1-keep)]...)
	remove = append(remove, steps[at+1:]...)
	for _, old := range remove {
		name := filepath.Join(runDir, stepName(old))
		if err := fs.Rename(name, name+tempSuffix); err != nil {
			return err
		}
		if err := fs.RemoveAll(name + tempSuffix); err != nil {
			return err
		}
	}
	return nil
}

const defaultKeep = 3

func sumTensors(tensors []safetensors.Tensor) []TensorSum {
	sums := make([]TensorSum, len(tensors))
	for i, t := range tensors {
		sums[i] = TensorSum{t.Name, t.DType, append([]int{}, t.Shape...), hexSum(t.Data)}
	}
	return sums
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func stepName(step int) string { return fmt.Sprintf("%s%07d", stepPrefix, step) }

// stepNumber is the inverse of stepName; false for every other name.
func stepNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, stepPrefix)
	if !ok {
		return 0, false
	}
	step, err := strconv.Atoi(digits)
	return step, err == nil && stepName(step) == name
}
