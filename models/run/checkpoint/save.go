package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// Save writes the checkpoint of state.Step into runDir, so that a crash at any moment leaves either it or the one
// before: files are written under a temporary name, made durable and renamed; then LAST is replaced, and only then are
// checkpoints removed: those that keep does not want, and those of later steps, which belong to a run given up. The
// scores are for keep.Best; nil is none.
//
// A checkpoint that LAST already names and that is intact is left as it is: no step was done since. The tensors are
// read and not kept. The caller holds the run directory's lock.
func Save(fs durable.FileSystem, runDir string, files []File, state State, keep Keep, scores Scores) error {
	if err := save(fs, runDir, files, state, keep, scores); err != nil {
		return fmt.Errorf("checkpoint: save step %d: %w", state.Step, err)
	}
	return nil
}

func save(fs durable.FileSystem, runDir string, files []File, state State, keep Keep, scores Scores) error {
	if state.Step < 0 {
		return errors.New("want a step from 0")
	}
	name := Name(state.Step)
	final := filepath.Join(runDir, name)
	if last, err := readLast(runDir); err == nil && last == state.Step {
		if _, err := read(final); err == nil {
			return nil
		}
	}
	state.Format = format
	state.Tensors = sumTensors(files)
	temp := final + durable.TempSuffix
	if err := fs.RemoveAll(temp); err != nil {
		return err
	}
	if err := write(fs, temp, files, state); err != nil {
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
	if err := durable.Replace(fs, filepath.Join(runDir, lastFile), []byte(name+"\n")); err != nil {
		return err
	}
	if err := prune(fs, runDir, state.Step, keep, scores); err != nil {
		return fmt.Errorf("it is saved, but older ones were not removed: %w", err)
	}
	return nil
}

// write makes dir and its files durable.
func write(fs durable.FileSystem, dir string, files []File, state State) error {
	if err := fs.MkdirAll(dir); err != nil {
		return err
	}
	for _, f := range files {
		err := durable.Write(fs, filepath.Join(dir, f.Name), func(w io.Writer) error {
			return safetensors.Write(w, f.Tensors, nil)
		})
		if err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{stateFile, text},
		// The form that `sha256sum -c` reads.
		{stateSum, []byte(hexSum(text) + "  " + stateFile + "\n")},
	} {
		err := durable.Write(fs, filepath.Join(dir, f.name), func(w io.Writer) error {
			_, err := w.Write(f.content)
			return err
		})
		if err != nil {
			return err
		}
	}
	return fs.SyncDir(dir)
}
