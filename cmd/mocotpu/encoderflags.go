package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// addEngineFlags declares the flags that choose an engine.
func addEngineFlags(flags *pflag.FlagSet) *engine.Config {
	e := &engine.Config{}
	flags.StringVar(&e.Backend, "backend", "auto", "engine: "+strings.Join(engine.Backends, ", "))
	flags.IntVar(&e.Devices, "devices", 0, "devices to use (0: one on the CPU, else all)")
	flags.StringVar(&e.Plugin, "plugin", "", "path of a PJRT plugin to use instead of the installed one")
	return e
}

// checkBackend refuses the name of an engine that there is not.
func checkBackend(name string) error {
	if !slices.Contains(engine.Backends, name) {
		return fmt.Errorf("--backend: %q, want one of %s", name, strings.Join(engine.Backends, ", "))
	}
	return nil
}

// dataFlags choose the images to show an encoder.
type dataFlags struct{ name, dir string }

// addDataFlags declares them.
func addDataFlags(flags *pflag.FlagSet) *dataFlags {
	d := &dataFlags{}
	flags.StringVar(&d.name, "data", "", "data set ("+strings.Join(dataset.Kinds, ", ")+", emnist/<split>), or a folder of images or of the set's files (default: the set it was trained on)")
	flags.StringVar(&d.dir, "data-dir", "", "folder of the files of the set that --data names (default: the run's, or data/<name>)")
	return d
}

// of is the data set for an encoder.
func (d dataFlags) of(w *encoder.Weights) (dataset.Config, error) {
	c, err := w.DataSet(d.name, d.dir)
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// openSplit opens its images; those that cannot be decoded are named on standard error.
func openSplit(cmd *cobra.Command, c dataset.Config, split string) (data.Source, error) {
	var mu sync.Mutex
	source, err := c.Source(split, func(b files.Broken) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(cmd.ErrOrStderr(), "broken image %q, for which the next one stands in: %q\n", b.Name, b.Problem)
	})
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, usageError{err}
	}
	return source, err
}

// oneEncoder takes the run directory or file that a command reads.
func oneEncoder(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%d arguments, want one: a run directory, or a file of export or import; see %s --help", len(args), cmd.CommandPath())}
	}
	return nil
}

// loadEncoder reads it, and prints what it passed over.
func loadEncoder(cmd *cobra.Command, path string) (*encoder.Weights, error) {
	w, err := encoder.Load(path)
	if err != nil {
		return nil, usageError{err}
	}
	tellNotes(cmd, w)
	return w, nil
}

// tellNotes prints what loading passed over.
func tellNotes(cmd *cobra.Command, w *encoder.Weights) {
	for _, note := range w.Notes {
		fmt.Fprintln(cmd.ErrOrStderr(), note)
	}
}
