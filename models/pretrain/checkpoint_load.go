package pretrain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/safetensors"
)

// Checkpoint is what [LoadCheckpoint] found; the caller owns all of it.
type Checkpoint struct {
	// Dir is the directory it came from, below the run directory.
	Dir   string
	State State
	// Tensors in the order in which they were saved.
	Tensors []safetensors.Tensor
	// Notes tell the user, a line each, what was passed over and why. Empty when
	// this is the newest checkpoint and all is well.
	Notes []string
}

// LoadCheckpoint reads the checkpoint that LAST names and verifies its names,
// shapes and checksums. When that one is damaged or missing it returns the
// newest intact one before it (or, failing that, after it) and says so in
// Notes. The error is [ErrNoCheckpoint] where there is none, [ErrDamaged] with
// a reason for each where none is intact.
func LoadCheckpoint(runDir string) (*Checkpoint, error) {
	c, err := loadCheckpoint(runDir)
	if err != nil {
		return nil, fmt.Errorf("pretrain: load checkpoint: %s: %w", runDir, err)
	}
	return c, nil
}

func loadCheckpoint(runDir string) (*Checkpoint, error) {
	steps, err := listSteps(runDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	last, err := readLast(runDir)
	var notes []string
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrPermission):
		return nil, err
	case len(steps) == 0 && errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoCheckpoint
	case len(steps) == 0:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	default:
		last = steps[len(steps)-1]
		notes = append(notes, fmt.Sprintf("%s cannot be used (%v): taking the newest checkpoint there is", lastFile, err))
	}
	for _, step := range byTrust(steps, last) {
		c, err := readCheckpoint(filepath.Join(runDir, stepName(step)))
		switch {
		case err == nil:
			c.Notes = notes
			if step != last {
				c.Notes = append(c.Notes, fmt.Sprintf("going on from %s", stepName(step)))
			}
			return c, nil
		case errors.Is(err, fs.ErrPermission), errors.Is(err, errFormat):
			// An older checkpoint is no cure for these, and training on from it
			// would lose a good one.
			return nil, err
		}
		notes = append(notes, fmt.Sprintf("%s is damaged: %v", stepName(step), err))
	}
	return nil, fmt.Errorf("%w: %s", ErrDamaged, strings.Join(notes, "; "))
}

// byTrust orders steps: last itself, then those before it from the newest, then
// those after it. last need not be among steps.
func byTrust(steps []int, last int) []int {
	order := []int{last}
	for _, step := range slices.Backward(steps) {
		if step < last {
			order = append(order, step)
		}
	}
	for _, step := range slices.Backward(steps) {
		if step > last {
			order = append(order, step)
		}
	}
	return order
}

// errFormat says that another version of the program wrote the checkpoint.
var errFormat = errors.New("written by another version")

// readCheckpoint reads and verifies one checkpoint directory.
func readCheckpoint(dir string) (*Checkpoint, error) {
	state, err := readState(dir)
	if err != nil {
		return nil, err
	}
	stored, _, err := safetensors.ReadFile(filepath.Join(dir, tensorsFile))
	if err != nil {
		return nil, err
	}
	if len(stored) != len(state.Tensors) {
		return nil, fmt.Errorf("%s has %d tensors, want %d", tensorsFile, len(stored), len(state.Tensors))
	}
	byName := make(map[string]safetensors.Tensor, len(stored))
	for _, t := range stored {
		byName[t.Name] = t
	}
	tensors := make([]safetensors.Tensor, len(state.Tensors))
	for i, want := range state.Tensors {
		t, ok := byName[want.Name]
		if !ok {
			return nil, fmt.Errorf("%s has no tensor %q", tensorsFile, want.Name)
		}
		if t.DType != want.DType || !slices.Equal(t.Shape, want.Shape) {
			return nil, fmt.Errorf("tensor %q is %s%v, want %s%v", t.Name, t.DType, t.Shape, want.DType, want.Shape)
		}
		if got := hexSum(t.Data); got != want.SHA256 {
			return nil, fmt.Errorf("tensor %q has the checksum %s, want %s", t.Name, got, want.SHA256)
		}
		tensors[i] = t
	}
	return &Checkpoint{Dir: dir, State: state, Tensors: tensors}, nil
}

func readState(dir string) (State, error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return State{}, err
	}
	sum, err := os.ReadFile(filepath.Join(dir, stateSum))
	if err != nil {
		return State{}, err
	}
	if want, _, _ := bytes.Cut(sum, []byte(" ")); hexSum(text) != string(want) {
		return State{}, fmt.Errorf("%s does not match its checksum", stateFile)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return State{}, fmt.Errorf("%s: %w", stateFile, err)
	}
	if head.Format != checkpointFormat {
		return State{}, fmt.Errorf("%s: %w: format %d, want %d", stateFile, errFormat, head.Format, checkpointFormat)
	}
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		return State{}, fmt.Errorf("%s: %w", stateFile, err)
	}
	return state, nil
}

// listSteps returns the steps that have a checkpoint, ascending.
func listSteps(runDir string) ([]int, error) {
	entries, err := os.ReadDir(runDir)
	if err != nil {
		return nil, err
	}
	var steps []int
	for _, entry := range entries {
		if step, ok := stepNumber(entry.Name()); ok {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps) // by number: beyond seven digits names sort differently
	return steps, nil
}

// readLast returns the step that LAST names.
func readLast(runDir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(runDir, lastFile))
	if err != nil {
		return 0, err
	}
	name := strings.TrimSuffix(string(text), "\n")
	step, ok := stepNumber(name)
	if !ok {
		return 0, fmt.Errorf("%s says %q, want the name of a checkpoint", lastFile, name)
	}
	return step, nil
}
