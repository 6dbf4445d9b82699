// Package checkpoint writes and reads the checkpoints of a run, so that a crash at any moment loses none:
//
//	step-0001234/encoders.safetensors    both encoders
//	step-0001234/optimizer.safetensors   SGD's buffers
//	step-0001234/queue.safetensors       the queue of keys
//	step-0001234/state.json              [State]: where the run stands, and a checksum per tensor
//	step-0001234/state.json.sha256       of state.json, as sha256sum -c reads it
//	LAST                                 the name of the newest
//
// # Errors
//
// Everything returns errors. Callers may act on [ErrNone] and [ErrDamaged].
//
// # Determinism
//
// The same tensors and state make the same bytes.
package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

var (
	// ErrNone says that a directory holds no checkpoint at all.
	ErrNone = errors.New("no checkpoint")
	// ErrDamaged says that there are checkpoints, but none that can be trusted.
	ErrDamaged = errors.New("damaged checkpoint")
)

// The files of a checkpoint, and the file that names the newest one.
const (
	// EncodersFile, OptimizerFile and QueueFile hold the tensors.
	EncodersFile  = "encoders.safetensors"
	OptimizerFile = "optimizer.safetensors"
	QueueFile     = "queue.safetensors"

	stateFile  = "state.json"
	stateSum   = "state.json.sha256"
	lastFile   = "LAST"
	stepPrefix = "step-"
)

// format changes when older programs must not read newer files.
const format = 2

// maxState bounds the files that are no tensors: state.json has a few hundred bytes a tensor.
const maxState = 64 << 20

// File is a file of tensors, named without a directory.
type File struct {
	Name    string
	Tensors []safetensors.Tensor
}

// State is what a checkpoint knows beside the tensors; saved as state.json.
type State struct {
	// Format is filled in by [Save].
	Format int `json:"format"`
	// Step is the number of steps done; Epoch and StepInEpoch are where the next
	// one is, both from 0.
	Step        int `json:"step"`
	Epoch       int `json:"epoch"`
	StepInEpoch int `json:"step_in_epoch"`
	// Seed is the key of every random draw: with the numbers above and an image's
	// index it determines all of them, so nothing else random needs saving.
	Seed uint64 `json:"seed"`
	// Unlogged is what the steps since the last row of metrics left for the next
	// one, JSON of the run's making.
	Unlogged json.RawMessage `json:"unlogged"`
	// Config is the run's configuration, a JSON object.
	Config json.RawMessage `json:"config"`
	// Versions of the program and the libraries, by name.
	Versions map[string]string `json:"versions"`
	// Tensors is filled in by [Save], in its caller's order.
	Tensors []TensorSum `json:"tensors"`
}

// TensorSum describes a tensor of the checkpoint.
type TensorSum struct {
	File   string `json:"file"`
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	SHA256 string `json:"sha256"`
}

func sumTensors(files []File) []TensorSum {
	var sums []TensorSum
	for _, f := range files {
		for _, t := range f.Tensors {
			sums = append(sums, TensorSum{f.Name, t.Name, t.DType, append([]int{}, t.Shape...), hexSum(t.Data)})
		}
	}
	return sums
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Name is the directory of a step's checkpoint below the run directory.
func Name(step int) string { return fmt.Sprintf("%s%07d", stepPrefix, step) }

// Owns tells whether a file or folder of a run directory, by its name, is this package's.
func Owns(name string) bool { return name == lastFile || strings.HasPrefix(name, stepPrefix) }

// stepNumber is the inverse of Name; false for every other name.
func stepNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, stepPrefix)
	if !ok {
		return 0, false
	}
	step, err := strconv.Atoi(digits)
	return step, err == nil && Name(step) == name
}

// Steps returns the steps that have a checkpoint, whole or damaged, ascending.
func Steps(runDir string) ([]int, error) {
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
	text, err := regular.ReadFile(filepath.Join(runDir, lastFile), maxState)
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
