package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// Checkpoint is what [Load] found; the caller owns all of it.
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

// Load reads the checkpoint that LAST names and verifies its names,
// shapes and checksums. When that one is damaged or missing it returns the
// newest intact one before it (or, failing that, after it) and says so in
// Notes. The error is [ErrNone] where there is none, [ErrDamaged] with
// a reason for each where none is intact.
func Load(runDir string) (*Checkpoint, error) {
	c, err := load(runDir)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: load: %s: %w", runDir, err)
	}
	return c, nil
}

func load(runDir string) (*Checkpoint, error) {
	steps, err := Steps(runDir)
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
		return nil, ErrNone
	case len(steps) == 0:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	default:
		last = steps[len(steps)-1]
		notes = append(notes, fmt.Sprintf("%s cannot be used (%v): taking the newest checkpoint there is", lastFile, err))
	}
	for _, step := range byTrust(steps, last) {
		c, err := read(filepath.Join(runDir, Name(step)))
		switch {
		case err == nil:
			c.Notes = notes
			if step != last {
				c.Notes = append(c.Notes, fmt.Sprintf("going on from %s", Name(step)))
			}
			return c, nil
		case errors.Is(err, fs.ErrPermission), errors.Is(err, errFormat):
			// An older checkpoint is no cure for these, and training on from it
			// would lose a good one.
			return nil, err
		}
		notes = append(notes, fmt.Sprintf("%s is damaged: %v", Name(step), err))
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

// read reads and verifies one checkpoint directory.
func read(dir string) (*Checkpoint, error) {
	state, err := readState(dir)
	if err != nil {
		return nil, err
	}
	stored, err := readFiles(dir, state.Tensors)
	if err != nil {
		return nil, err
	}
	tensors := make([]safetensors.Tensor, len(state.Tensors))
	for i, want := range state.Tensors {
		t, ok := stored[want.File][want.Name]
		if !ok {
			return nil, fmt.Errorf("%s has no tensor %q", want.File, want.Name)
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

// readFiles reads the files that the tensors are in, by file and name. They hold as many tensors as are wanted.
func readFiles(dir string, tensors []TensorSum) (map[string]map[string]safetensors.Tensor, error) {
	wanted := map[string]int{}
	for _, t := range tensors {
		wanted[t.File]++
	}
	stored := map[string]map[string]safetensors.Tensor{}
	for name, want := range wanted {
		all, _, err := safetensors.ReadFile(filepath.Join(dir, filepath.Base(name)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(all) != want {
			return nil, fmt.Errorf("%s has %d tensors, want %d", name, len(all), want)
		}
		stored[name] = make(map[string]safetensors.Tensor, len(all))
		for _, t := range all {
			stored[name][t.Name] = t
		}
	}
	return stored, nil
}

// LastState is the state of the newest checkpoint, of which nothing else is read; the error is [ErrNone] where there is
// none.
func LastState(runDir string) (State, error) {
	last, err := readLast(runDir)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, fmt.Errorf("checkpoint: %w", ErrNone)
	}
	var state State
	if err == nil {
		state, err = readState(filepath.Join(runDir, Name(last)))
	}
	if err != nil {
		return State{}, fmt.Errorf("checkpoint: %w", err)
	}
	return state, nil
}

func readState(dir string) (State, error) {
	text, err := regular.ReadFile(filepath.Join(dir, stateFile), maxState)
	if err != nil {
		return State{}, err
	}
	sum, err := regular.ReadFile(filepath.Join(dir, stateSum), maxState)
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
	if head.Format != format {
		return State{}, fmt.Errorf("%s: %w: format %d, want %d", stateFile, errFormat, head.Format, format)
	}
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		return State{}, fmt.Errorf("%s: %w", stateFile, err)
	}
	return state, nil
}
