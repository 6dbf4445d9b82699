package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/bank"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// embedOptions are the flags of `embed` that are not the engine's.
type embedOptions struct {
	encoder, decoder   string
	data               *dataFlags
	split, out, labels string
	images, batch      int
	precision          string
	projection, force  bool
}

// ofSets are the flags that are for a data set, and say nothing of image files.
var ofSets = []string{"data", "data-dir", "split", "images", "labels"}

func newEmbed() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "embed IMAGES... --encoder=RUN|FILE | embed RUN|FILE",
		Short: "Write the features of images, or of a data set, as a NumPy file",
		Long: "Embeds image files, and all that are below folders, by the encoder of a run's newest good checkpoint or of a file,\n" +
			"and writes float32 [images, features], with the images' names beside it (.json): a bank for mocotpu search. Each\n" +
			"image is squeezed to the encoder's size. Those that cannot be read are named, and left out.\n\n" +
			"Without --encoder the argument is the encoder, and the images are those of a data set, in the set's order.\n\n" +
			"These are the trunk's features. With --projection they are the head's projections, each of length 1.",
		Example: "  mocotpu embed photos --encoder=encoder.safetensors --backend=go --out=bank.npy\n" +
			"  mocotpu embed runs/glyphs-20260102-030405                      # the run's own test images, to features.npy\n" +
			"  mocotpu embed encoder.safetensors --data=cifar10 --split=train --out=bank.npy --labels=bank-labels.npy",
	}
	var o embedOptions
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if o.encoder == "" {
			if cmd.Flags().Changed("decoder") {
				return settings.Invalid(errors.New("--decoder is for image files: without --encoder the images are those of a data set"))
			}
			return oneEncoder(cmd, args)
		}
		if len(args) == 0 {
			return settings.Invalid(errors.New("no images: want files or folders; see " + cmd.CommandPath() + " --help"))
		}
		for _, name := range ofSets {
			if cmd.Flags().Changed(name) {
				return settings.Invalid(fmt.Errorf("--%s is for a data set: with --encoder the images are the arguments", name))
			}
		}
		return nil
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	addFileFlags(flags, &o.encoder, &o.decoder)
	o.data = addDataFlags(flags)
	flags.StringVar(&o.split, "split", "test", "images to embed: train or test; all of a folder that has no held-out ones")
	flags.IntVar(&o.images, "images", 0, "embed the first so many (0: all, or as many as the run has)")
	flags.StringVar(&o.out, "out", "features.npy", "file to write")
	flags.StringVar(&o.labels, "labels", "", "file for the labels, int32 [images] (default: none)")
	flags.BoolVar(&o.projection, "projection", false, "the head's projections instead of the trunk's features")
	flags.BoolVar(&o.force, "force", false, "write over files that are there")
	flags.IntVar(&o.batch, "batch", 64, "images that the program takes at a time, a multiple of the devices")
	flags.StringVar(&o.precision, "precision", "", "arithmetic: float32 or bfloat16 (default: what it was trained with)")
	engine := addEngineFlags(flags)
	runflags.SetGroup(flags, runflags.GroupFirst, "encoder", "data", "out")
	runflags.SetGroup(flags, runflags.GroupData, "decoder", "data-dir", "split", "images")
	runflags.SetGroup(flags, runflags.GroupEngine, "batch", "precision", "backend", "devices", "plugin")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkBackend(engine.Backend); err != nil {
			return err
		}
		if o.encoder != "" {
			return embedFiles(cmd, args, o, *engine)
		}
		return embed(cmd, args[0], o, *engine)
	}
	return cmd
}

// check lists what is wrong with the flags, and keeps what is there.
func (o embedOptions) check(w *encoder.Weights, reads []string, outputs ...string) error {
	if o.projection && w.Manifest.Network.Head == resnet.HeadNone {
		return settings.Invalid(errors.New("--projection: this encoder has no head"))
	}
	if o.batch < 1 {
		return settings.Invalid(fmt.Errorf("--batch %d: want at least 1", o.batch))
	}
	if o.images < 0 {
		return settings.Invalid(fmt.Errorf("--images %d: want at least 1, or 0 for all", o.images))
	}
	if o.labels != "" && filepath.Clean(o.labels) == filepath.Clean(o.out) {
		return settings.Invalid(fmt.Errorf("--labels and --out are both %s: want two files", o.out))
	}
	return mayWrite(o.force, append(reads, w.Path), outputs...)
}

// options say how the encoder computes.
func (o embedOptions) options() encoder.Options {
	return encoder.Options{Batch: o.batch, Precision: o.precision}
}

// embedFiles embeds the files and folders that are named.
func embedFiles(cmd *cobra.Command, paths []string, o embedOptions, choice engine.Config) error {
	w, err := loadEncoder(cmd, o.encoder)
	if err != nil {
		return err
	}
	if err := o.check(w, paths, o.out, o.out+bank.Suffix); err != nil {
		return err
	}
	library, err := picture.Choose(o.decoder)
	if err != nil {
		return settings.Invalid(fmt.Errorf("--decoder: %w", err))
	}
	list, err := files.Paths(paths)
	if err != nil {
		return settings.Invalid(err)
	}
	tellDataNotes(cmd, list)
	return withEncoder(cmd, w, o.options(), choice, func(_ *xla.Engine, e *encoder.Encoder, watch *terminal.Stages) error {
		m, dim, err := bank.Write(cmd.Context(), o.out, e, w, list, bank.Options{
			Projection: o.projection, Library: library, Broken: tellBroken(cmd, "which is left out"), Progress: watch.Stage(fmt.Sprintf("embedding %d images", list.Len())),
		})
		watch.End()
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: float32 [%d, %d], and their names in %s\n", o.out, len(m.Names), dim, o.out+bank.Suffix)
		}
		return err
	})
}

func embed(cmd *cobra.Command, path string, o embedOptions, choice engine.Config) error {
	w, err := loadEncoder(cmd, path)
	if err != nil {
		return err
	}
	outputs := []string{o.out}
	if o.labels != "" {
		outputs = append(outputs, o.labels)
	}
	if err := o.check(w, given(o.data.name, o.data.dir), outputs...); err != nil {
		return err
	}
	c, err := o.data.of(w)
	if err != nil {
		return err
	}
	if o.images != 0 {
		c.TrainImages, c.TestImages = o.images, o.images
	}
	images, err := openSplit(cmd, c, o.split)
	if errors.Is(err, data.ErrMissing) && c.Kind == "folder" && !cmd.Flags().Changed("split") {
		if images, err = openSplit(cmd, c, "train"); err == nil {
			o.split = "all"
			fmt.Fprintf(cmd.ErrOrStderr(), "%s has no held-out images: all of it is embedded, as --split=train does\n", c.Dir)
		}
	}
	if errors.Is(err, data.ErrMissing) && o.split == "test" {
		err = fmt.Errorf("%w; --split=train embeds the training images", err)
	}
	if err != nil {
		return err
	}
	defer images.Close()
	set := images.Info()
	if o.labels != "" && set.Labels == nil {
		return settings.Invalid(fmt.Errorf("--labels: %s has none", set.Name))
	}
	err = withEncoder(cmd, w, o.options(), choice, func(_ *xla.Engine, e *encoder.Encoder, watch *terminal.Stages) error {
		progress := watch.Stage("embedding " + set.Name)
		write := func(features, labels io.Writer) error {
			return e.WriteNPY(cmd.Context(), images, o.projection, features, labels, progress)
		}
		return writeWhole(o.out, func(features io.Writer) error {
			if o.labels == "" {
				return write(features, nil)
			}
			return writeWhole(o.labels, func(labels io.Writer) error { return write(features, labels) })
		})
	})
	if err != nil {
		return err
	}
	dim := w.Manifest.Network.Features
	if o.projection {
		dim = w.Manifest.Network.Projection
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: float32 [%d, %d], %s of %s\n", o.out, set.N, dim, o.split, set.Name)
	if o.labels != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: int32 [%d]\n", o.labels, set.N)
	}
	return nil
}
