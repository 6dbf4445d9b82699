package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// ErrNotRun says that a folder holds something else than a run.
var ErrNotRun = errors.New("not a run directory")

// CheckFolder returns an error, [ErrNotRun], that names what is in a folder which is neither empty nor a run: to train
// there would mix a run's files with a stranger's. A folder that is not there is fine.
func CheckFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("run: %w: %w", ErrNotRun, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if isRun(dir, names) {
		return nil
	}
	if kind := huggingFace(dir); kind != "" {
		return fmt.Errorf("run: %s is %w, but a model of Hugging Face (%s): want a directory of mocotpu train, a file of mocotpu export, "+
			"or what mocotpu import makes of a folder of timm's ResNets and of weights with torchvision's names", dir, ErrNotRun, kind)
	}
	return fmt.Errorf("run: %s is %w: it holds %s: want a directory of mocotpu train, an empty one, or one that is not there yet", dir, ErrNotRun, some(names))
}

// isRun tells by what only runs have, and takes a folder with nothing but a lock for a run that was killed at its start.
func isRun(dir string, names []string) bool {
	if steps, err := checkpoint.Steps(dir); err == nil && len(steps) > 0 {
		return true
	}
	foreign := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == lockFile || strings.HasSuffix(name, durable.TempSuffix)
	})
	if len(foreign) == 0 {
		return true
	}
	text, err := regular.ReadFile(filepath.Join(dir, ConfigFile), maxConfig)
	if err == nil {
		_, err = decodeRecord(text)
	}
	return err == nil
}

// huggingFace is the kind of model that a folder's config.json describes in the words of transformers or timm, "" if it
// does not.
func huggingFace(dir string) string {
	var config struct {
		ModelType     string   `json:"model_type"`
		Architectures []string `json:"architectures"`
		Architecture  string   `json:"architecture"` // timm's
	}
	text, err := regular.ReadFile(filepath.Join(dir, ConfigFile), maxConfig)
	if err != nil || json.Unmarshal(text, &config) != nil {
		return ""
	}
	for _, kind := range append([]string{config.ModelType, config.Architecture}, config.Architectures...) {
		if kind != "" {
			return fmt.Sprintf("%.40q", kind)
		}
	}
	return ""
}

// some names the first few of a folder's files.
func some(names []string) string {
	quoted := make([]string, 0, 4)
	for _, name := range names[:min(3, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if more := len(names) - len(quoted); more > 0 {
		quoted = append(quoted, fmt.Sprintf("%d more", more))
	}
	return strings.Join(quoted, ", ")
}
