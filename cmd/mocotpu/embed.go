package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/npy"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// embedOptions are the flags of `embed` that are not the engine's.
type embedOptions struct {
	data, split, out, labels string
	images, batch            int
	precision                string
	projection, force        bool
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
	flags.StringVar(&o.data, "data", "", "data set ("+strings.Join(dataset.Kinds, ", ")+", emnist/<split>), or the folder of its files (default: the set it was trained on)")
	flags.StringVar(&o.split, "split", "test", "images to embed: train or test")
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
	images, err := o.open(path, w)
	if err != nil {
		return err
	}
	defer images.Close()
	set := images.Info()
	if o.labels != "" && set.Labels == nil {
		return usageError{fmt.Errorf("--labels: %s has none", set.Name)}
	}
	engine, err := openEngine(choice, keptPrograms(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer engine.Close()
	e, err := encoder.New(engine, w, encoder.Options{Devices: engine.NumDevices(), Batch: o.batch, Precision: o.precision})
	if err != nil {
		return usageError{err}
	}
	defer e.Close()
	dim := w.Manifest.Network.Features
	embedder := e.Embed
	if o.projection {
		dim, embedder = w.Manifest.Network.Projection, e.Project
	}
	err = writeWhole(o.out, func(out io.Writer) error { return embedSet(cmd, out, images, dim, o.batch, embedder) })
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: float32 [%d, %d], %s of %s\n", o.out, set.N, dim, o.split, set.Name)
	if o.labels == "" {
		return nil
	}
	if err := writeWhole(o.labels, func(out io.Writer) error { return writeAll(out, set.Labels) }); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: int32 [%d]\n", o.labels, set.N)
	return nil
}

// open reads the images: the run's own unless --data says otherwise.
func (o embedOptions) open(path string, w *encoder.Weights) (data.Source, error) {
	var d dataset.Config
	switch record, err := run.ReadRecord(path); {
	case err == nil:
		d = record.Data
	case w.Manifest.Source.Data != "":
		if err := setData(&d, w.Manifest.Source.Data); err != nil {
			return nil, usageError{err}
		}
	case o.data == "":
		return nil, usageError{errors.New("the encoder does not say what it was trained on, want --data")}
	}
	if o.data != "" {
		if err := setData(&d, o.data); err != nil {
			return nil, usageError{err}
		}
	}
	if o.images != 0 {
		d.TrainImages, d.TestImages = o.images, o.images
	}
	images, err := d.Source(o.split, nil)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, usageError{err}
	}
	return images, err
}

// embedSet writes the features of all images, a few batches at a time: neither need fit in memory.
func embedSet(cmd *cobra.Command, out io.Writer, images data.Source, dim, batch int, embedder func([]uint8, int) (encoder.Features, error)) error {
	set := images.Info()
	w, err := npy.NewWriter[float32](out, set.N, dim)
	if err != nil {
		return err
	}
	bar := progressbar.NewOptions(set.N, progressbar.OptionSetWriter(cmd.ErrOrStderr()), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("images"), progressbar.OptionSetVisibility(isTerminal(cmd.ErrOrStderr())),
		progressbar.OptionClearOnFinish())
	chunk := min(16*batch, set.N)
	pixels, rows, indices := make([]uint8, chunk*set.ImageLen()), make([]data.Row, chunk), make([]int, chunk)
	for start := 0; start < set.N; start += chunk {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		n := min(chunk, set.N-start)
		for i := range n {
			indices[i] = start + i
		}
		if err := images.Fill(pixels[:n*set.ImageLen()], rows[:n], indices[:n]); err != nil {
			return err
		}
		features, err := embedder(pixels[:n*set.ImageLen()], n)
		if err != nil {
			return err
		}
		if err := w.Write(features.Data); err != nil {
			return err
		}
		_ = bar.Add(n) // a bar that cannot be drawn is no failure
	}
	return w.Close()
}

func writeAll(out io.Writer, labels []int32) error {
	w, err := npy.NewWriter[int32](out, len(labels))
	if err != nil {
		return err
	}
	if err := w.Write(labels); err != nil {
		return err
	}
	return w.Close()
}
