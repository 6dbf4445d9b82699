package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/convert"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// addEngineFlags declares the flags that choose an engine.
func addEngineFlags(flags *pflag.FlagSet) *engine.Config {
	e := addBackendFlags(flags)
	flags.IntVar(&e.Devices, "devices", 0, "devices to use (0: one on the CPU, else all)")
	return e
}

// addBackendFlags declares those of what one device does.
func addBackendFlags(flags *pflag.FlagSet) *engine.Config {
	e := &engine.Config{}
	flags.StringVar(&e.Backend, "backend", "auto", "engine: "+strings.Join(engine.Backends, ", "))
	flags.StringVar(&e.Plugin, "plugin", "", "path of a PJRT plugin to use instead of the installed one")
	return e
}

// checkBackend refuses the name of an engine that there is not, by a [settings.ErrInvalid].
func checkBackend(name string) error {
	var p settings.Check
	engine.CheckName(&p, "--backend", name)
	return p.Err()
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
	return c, settings.Invalid(err)
}

// openSplit opens its images; those that cannot be decoded are named on standard error.
func openSplit(cmd *cobra.Command, c dataset.Config, split string) (data.Source, error) {
	source, err := c.Source(split, tellBroken(cmd, "for which the next one stands in"))
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, settings.Invalid(err)
	}
	return source, err
}

// tellBroken names images that cannot be decoded, and says what becomes of them, from any goroutine.
func tellBroken(cmd *cobra.Command, outcome string) func(files.Broken) {
	var mu sync.Mutex
	return func(b files.Broken) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(cmd.ErrOrStderr(), "broken image %q, %s: %q\n", b.Name, outcome, b.Problem)
	}
}

// oneEncoder takes the run directory or file that a command reads.
func oneEncoder(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return settings.Invalid(fmt.Errorf("%d arguments, want one: a run directory, or a file of export or import; see %s --help", len(args), cmd.CommandPath()))
	}
	return nil
}

// addFileFlags declares the flags of commands on image files: their encoder, and what decodes them.
func addFileFlags(flags *pflag.FlagSet, encoder, decoder *string) {
	flags.StringVar(encoder, "encoder", "", "run directory or file of the encoder for the image files that are the arguments")
	flags.StringVar(decoder, "decoder", "auto", "what decodes image files that are JPEGs: turbojpeg, go, or the faster that is there (auto)")
}

// withEncoder opens an engine, puts an encoder on it, and lets both be used, with what shows how that comes along.
func withEncoder(cmd *cobra.Command, w *encoder.Weights, o encoder.Options, choice engine.Config, use func(*xla.Engine, *encoder.Encoder, *terminal.Stages) error) error {
	opened, err := machine.OpenEngine(choice, programs.Kept(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer opened.Close()
	o.Devices = opened.NumDevices()
	e, err := encoder.New(opened, w, o)
	if err != nil {
		return settings.Invalid(err)
	}
	defer e.Close()
	watch := terminal.NewStages(cmd.ErrOrStderr())
	defer watch.Close()
	return use(opened, e, watch)
}

// loadEncoder reads it, and prints what it passed over. A file of other software is read as import does.
func loadEncoder(cmd *cobra.Command, path string) (*encoder.Weights, error) {
	w, err := encoder.Load(path)
	if errors.Is(err, encoder.ErrNotEncoder) || errors.Is(err, run.ErrNotRun) {
		foreign, failed := convert.Import(path, convert.ImportOptions{})
		if failed != nil {
			return nil, settings.Invalid(errors.Join(err, failed))
		}
		in := foreign.Manifest.Input
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is taken as mocotpu import reads it: for images of %d pixels, less the mean %.3v\n", path, in.ImageSize, in.Mean)
		return foreign, nil
	}
	if err != nil {
		return nil, settings.Invalid(err)
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
