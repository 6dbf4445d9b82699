package run

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// ownFiles are what a run writes into its directory beside the checkpoints.
var ownFiles = []string{ConfigFile, MetricsFile, BrokenFile, EventsDir, lockFile}

// CheckOutputs refuses files to write over what is read: an input file, an image in an input folder, or a run's own files.
// Beside those a folder takes others, such as a run's report.
func CheckOutputs(inputs []string, outputs ...string) error {
	for _, input := range inputs {
		if err := durable.Apart(input, outputs...); err != nil {
			return err
		}
		_, err := ReadRecord(input)
		for _, output := range outputs {
			if err == nil && isOwn(input, output) || files.IsImage(output) && durable.Outside(input, output) != nil {
				return fmt.Errorf("%s belongs to %s, which is read: choose another name for what is written", output, input)
			}
		}
	}
	return nil
}

// isOwn tells whether a name is that of a run directory, or of what the run keeps there.
func isOwn(runDir, name string) bool {
	root, err := os.Stat(runDir)
	if err != nil {
		return false
	}
	at, err := filepath.Abs(name)
	if err != nil {
		return false
	}
	for below := ""; ; below, at = filepath.Base(at), filepath.Dir(at) {
		if here, err := os.Stat(at); err == nil && os.SameFile(here, root) {
			return below == "" || slices.Contains(ownFiles, below) || checkpoint.Owns(below)
		}
		if at == filepath.Dir(at) {
			return false
		}
	}
}
