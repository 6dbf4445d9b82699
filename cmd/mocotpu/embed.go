package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/machine"
	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// embedOptions are the flags of `embed` that are not the engine's.
type embedOptions struct {
	data               *dataFlags
	split, out, labels string
	images, batch      int
	precision          string
	projection, force  bool
}

func newEmbed() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "embed RUN|FILE",
		Short: "Write the features of a data set as a NumPy file",
		Long: "Embeds every image of a data set by the newest good checkpoint's query encoder of a run, or by an encoder that\n" +
			"export or import wrote, and writes float32 [images, features] in the set's order. The features are the\n" +
			"trunk's, or with --projection the head's, of unit length.",
		Example: "  mocotpu embed runs/glyphs-20260102-030405                      # the run's own test images, to features.npy\n" +
			"  mocotpu embed encoder.safetensors --data=cifar10 --split=train --out=bank.npy --labels=bank-labels.npy",
		Args: oneEncoder,
	}
	var o embedOptions
	flags := cmd.Flags()
	flags.SortFlags = false
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
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return embed(cmd, args[0], o, *engine) }
	return cmd
}

func embed(cmd *cobra.Command, path string, o embedOptions, choice engine.Config) error {
	w, err := loadEncoder(cmd, path)
	if err != nil {
		return err
	}
	if o.projection && w.Manifest.Network.Head == resnet.HeadNone {
		return usageError{errors.New("--projection: this encoder has no head")}
	}
	outputs := []string{o.out}
	if o.labels != "" {
		outputs = append(outputs, o.labels)
	}
	if err := refuseExisting(o.force, outputs...); err != nil {
		return err
	}
	if o.batch < 1 {
		return usageError{fmt.Errorf("--batch %d: want at least 1", o.batch)}
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
		return usageError{fmt.Errorf("--labels: %s has none", set.Name)}
	}
	opened, err := machine.OpenEngine(choice, programs.Kept(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer opened.Close()
	e, err := encoder.New(opened, w, encoder.Options{Devices: opened.NumDevices(), Batch: o.batch, Precision: o.precision})
	if err != nil {
		return usageError{err}
	}
	defer e.Close()
	watch := terminal.NewStages(cmd.ErrOrStderr())
	defer watch.Close()
	progress := watch.Stage("embedding " + set.Name)
	write := func(features, labels io.Writer) error {
		return e.WriteNPY(cmd.Context(), images, o.projection, features, labels, progress)
	}
	err = writeWhole(o.out, func(features io.Writer) error {
		if o.labels == "" {
			return write(features, nil)
		}
		return writeWhole(o.labels, func(labels io.Writer) error { return write(features, labels) })
	})
	watch.End()
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
