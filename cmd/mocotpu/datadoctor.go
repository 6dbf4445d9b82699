package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/doctor"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/report"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// doctorFlags are what the user asks data doctor for.
type doctorFlags struct {
	dir, against, encoder, html, window string
	unlabeled, json, force              bool
	engine                              *engine.Config
}

func newDataDoctor() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor DATA",
		Short: "Examine a data set: duplicates, test images among the training images, settings that suit",
		Long: "DATA is what train takes for --data: a data set's name, or a folder of images. Each image is looked at once, image\n" +
			"files as thumbnails of 64 pixels, and some 400 bytes are kept of it. It prints\n\n" +
			"  images      size, channels and bits; classes, mean and deviation of each channel; flat, tiny and broken images\n" +
			"  duplicates  exact (the same pixels), near (the same picture smaller, encoded again or in other light), mirrored\n" +
			"  leaks       test images that are duplicates of training images; nearest neighbours with them and without\n" +
			"  negatives   the share of a queue that would be duplicates of the query\n" +
			"  settings    the flags it would set, with reasons, as a line that trains; train --preset=auto takes them\n\n" +
			"Another crop of a picture is no duplicate to it: --encoder finds pictures that an encoder sees as one, for you to\n" +
			"look at in --html.",
		Example: "  mocotpu data doctor photos --html=photos.html\n" +
			"  mocotpu data doctor mnist --json\n" +
			"  mocotpu data doctor photos --against=benchmark    # are its images among mine?",
		Args: wantArguments("one data set, or a folder of images"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return dataset.Kinds, cobra.ShellCompDirectiveDefault // files, too: DATA may be a folder
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.dir, "data-dir", "", "folder of the files of the set that DATA names (default data/<name>)")
	flags.StringVar(&f.against, "against", "", "set or folder whose images are held against the training images (default: DATA's own test images)")
	flags.StringVar(&f.encoder, "encoder", "", "run directory or file of an encoder, whose features are compared, too")
	flags.BoolVar(&f.unlabeled, "unlabeled", false, "take every image below a folder, without classes")
	flags.StringVar(&f.window, "window", "", "of a folder's 16-bit images: samples that become 0 to 255, or percentiles of the training images, such as 1%,99% (default: the encoder's, or 0,65535)")
	flags.StringVar(&f.html, "html", "", "page to write, with the pairs that were found (default: none)")
	flags.BoolVar(&f.json, "json", false, "print JSON, with the pairs")
	flags.BoolVar(&f.force, "force", false, "write over files that are there")
	f.engine = addEngineFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.examine(cmd, args[0]) }
	return cmd
}

func (f doctorFlags) examine(cmd *cobra.Command, name string) error {
	if err := mayWrite(f.force, given(name, f.dir, f.against, f.encoder), given(f.html)...); err != nil {
		return err
	}
	o, err := f.options(name)
	if err != nil {
		return settings.Invalid(err)
	}
	var w *encoder.Weights
	if f.encoder != "" {
		if w, err = loadEncoder(cmd, f.encoder); err != nil {
			return fmt.Errorf("--encoder=%s: %w: want a run directory, or an encoder's file", f.encoder, err)
		}
		if f.window == "" {
			lookThrough(&o.Data, w.Manifest.Input.Window.String())
			lookThrough(&o.Against, w.Manifest.Input.Window.String())
		}
	}
	opened, err := machine.OpenEngine(*f.engine, programs.Kept(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer opened.Close()
	o.Backend, o.Pictures = opened, f.html != ""
	if w != nil {
		if o.Encoder, err = encoder.New(opened, w, encoder.Options{Devices: opened.NumDevices()}); err != nil {
			return settings.Invalid(err)
		}
		defer o.Encoder.Close()
	}
	watch := terminal.NewStages(cmd.ErrOrStderr())
	defer watch.Close()
	o.Progress = watch
	found, err := doctor.Examine(cmd.Context(), o)
	watch.End()
	if err != nil {
		return err
	}
	if f.html != "" {
		page := func(w io.Writer) error { return report.WriteDoctor(w, found) }
		if err := writeWhole(f.html, page); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "written: %s\n", f.html)
	}
	if f.json {
		return writeJSON(cmd.OutOrStdout(), found)
	}
	return found.WriteText(cmd.OutOrStdout())
}

// measured is the settings with the window in samples.
func measured(c dataset.Config) (dataset.Config, error) {
	var p settings.Check
	p.Under("data", c.Validate())
	if err := p.Err(); err != nil {
		return c, err
	}
	return c.Measured()
}

// lookThrough sets the window of a folder's images, but of packed ones, which have their own.
func lookThrough(c *dataset.Config, window string) {
	if packed, err := c.Packed("train"); c.Kind == "folder" && err == nil && packed == "" {
		c.Window = window
	}
}

// wantData refuses what is neither a data set nor a folder, for an argument or a flag.
func wantData(what, name string) error {
	if _, named := dataset.Named(name); named {
		return nil
	}
	if _, err := os.Stat(name); err != nil {
		return fmt.Errorf("%s is %q, want a data set (%s) or a folder that is there", what, name, strings.Join(dataset.Kinds, ", "))
	}
	return nil
}

// options are what is examined.
func (f doctorFlags) options(name string) (o doctor.Options, err error) {
	if err := checkBackend(f.engine.Backend); err != nil {
		return o, err
	}
	if _, named := dataset.Named(name); f.dir != "" && !named {
		return o, fmt.Errorf("DATA is %q beside --data-dir=%s, want one folder, or one of %s for DATA", name, f.dir, strings.Join(dataset.Kinds, ", "))
	}
	if err := wantData("DATA", name); err != nil {
		return o, err
	}
	if o.Data, err = (dataset.Config{}).With(name, f.dir); err != nil {
		return o, err
	}
	o.Data.Unlabeled = f.unlabeled && o.Data.Kind == "folder"
	if f.window != "" {
		o.Data.Window = f.window
		if o.Data, err = measured(o.Data); err != nil {
			return o, err
		}
	}
	if f.against != "" {
		if err := wantData("--against", f.against); err != nil {
			return o, err
		}
		if o.Against, err = (dataset.Config{}).With(f.against, ""); err != nil {
			return o, err
		}
		o.Against.Unlabeled = f.unlabeled && o.Against.Kind == "folder"
		lookThrough(&o.Against, o.Data.Window)
	}
	return o, o.Data.Validate()
}
