package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

func newDataPack() *cobra.Command {
	var o packed.Options
	var decoder, split, window string
	var unlabeled bool
	cmd := &cobra.Command{
		Use:   "pack FOLDER OUT",
		Short: "Decode a folder of images or WebDataset shards once, into arrays that training maps into memory",
		Long: "Reads images in folders of their classes (ImageNet's and ImageNet-mini's train/ and val/ as well), in one\n" +
			"folder, or in WebDataset shards (*.tar, *.tar.gz), and writes OUT/train and OUT/val: images.npy (uint8\n" +
			"[N,S,S,3], or [N,S,S,1] with --channels=1, squeezed to the canvas), aspect.npy, labels.npy and meta.json. NumPy reads them.\n\n" +
			"Broken images are left out and named; more than one in a hundred end it. After an interruption the same\n" +
			"command goes on. It takes 3*S*S bytes an image: 196 608 at 256 pixels, 252 GB for ImageNet, 6.8 GB for\n" +
			"ImageNet-mini. A larger canvas keeps more detail for small crops.",
		Example: "  mocotpu data pack data/imagenet-mini data/imagenet-mini-packed\n" +
			"  mocotpu train --preset=imagenet-mini --data=data/imagenet-mini-packed\n" +
			"  mocotpu data pack --unlabeled --canvas=128 photos photos-packed",
		Args: wantArguments("a folder of images and the folder to make"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Library, err = picture.Choose(decoder); err != nil {
				return settings.Invalid(fmt.Errorf("--decoder: %w", err))
			}
			if o.Canvas < 1 || o.Workers < 0 {
				return settings.Invalid(fmt.Errorf("--canvas %d and --workers %d, want at least 1 and 0", o.Canvas, o.Workers))
			}
			splits, ok := map[string][]string{"both": {"train", "test"}, "train": {"train"}, "test": {"test"}}[split]
			if !ok {
				return settings.Invalid(fmt.Errorf("--split %q, want both, train or test", split))
			}
			from := dataset.Config{Kind: "folder", Dir: args[0], Canvas: o.Canvas, Channels: o.Channels, Window: window, Unlabeled: unlabeled, Workers: o.Workers}
			if o.Window, err = windowOf(cmd, from); err != nil {
				return err
			}
			for _, s := range splits {
				end := terminal.Packing(cmd.ErrOrStderr(), &o)
				out, m, err := packed.PackSplit(cmd.Context(), args[0], args[1], s, files.Options{Unlabeled: unlabeled}, o)
				end()
				if s == "test" && split == "both" && errors.Is(err, data.ErrMissing) {
					fmt.Fprintln(cmd.ErrOrStderr(), dataset.NoHeldOut+": all are packed for training")
					continue
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", out, m)
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&o.Canvas, "canvas", dataset.DefaultCanvas, "side of the square that images are squeezed to, in pixels")
	cmd.Flags().IntVar(&o.Channels, "channels", 3, "1 packs gray images, of colours their luma")
	cmd.Flags().StringVar(&window, "window", "", "of 16-bit images: samples that become 0 to 255, such as 120,3800, or percentiles of the training images, such as 1%,99% (default: 0,65535)")
	cmd.Flags().StringVar(&split, "split", "both", "what to pack: both, train or test")
	cmd.Flags().BoolVar(&unlabeled, "unlabeled", false, "take every image below the folder, without classes")
	cmd.Flags().StringVar(&decoder, "decoder", "auto", "what decodes JPEGs: turbojpeg, go, or the faster that is there (auto)")
	cmd.Flags().IntVar(&o.Workers, "workers", 0, "images decoded at a time (0: one for each CPU)")
	return cmd
}

// windowOf is the window that both splits are packed with. It says so where the user may want one.
func windowOf(cmd *cobra.Command, from dataset.Config) (picture.Window, error) {
	from, err := measured(from)
	w, _ := picture.ParseWindow(from.Window) // which measured has made
	if errors.Is(err, settings.ErrInvalid) {
		return w, err
	}
	if source, failed := from.Source("train", nil); failed == nil {
		tellDataNotes(cmd, source)
		err = errors.Join(err, source.Close())
	}
	if err == nil && from.Window != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "window: %s\n", w)
	}
	return w, err
}

// tellDataNotes says what the user may not have meant with the images.
func tellDataNotes(cmd *cobra.Command, source any) {
	for _, note := range dataset.Notes(source) {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+note)
	}
}

func newDataVerify() *cobra.Command {
	return &cobra.Command{
		Use:     "verify OUT",
		Short:   "Read what data pack wrote and compare it with its checksums",
		Long:    "Reads a packed set, or both splits of a folder that data pack wrote: headers, counts, labels, and every byte against\nthe checksums in meta.json. A damaged file is named, and the exit code is 2.",
		Example: "  mocotpu data verify data/imagenet-mini-packed          # train and val\n  mocotpu data verify data/imagenet-mini-packed/val",
		Args:    wantArguments("the folder that data pack wrote, or one split of it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			splits, err := packed.Splits(args[0])
			for _, split := range splits {
				m, damage := packed.Verify(cmd.Context(), split)
				if err = errors.Join(err, damage); damage == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is whole: %s\n", split, m)
				}
			}
			return err
		},
	}
}

// wantArguments takes exactly the arguments that the words call for.
func wantArguments(words string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if want := len(strings.Fields(cmd.Use)) - 1; len(args) != want {
			return settings.Invalid(fmt.Errorf("%d arguments, want %s; see %s --help", len(args), words, cmd.CommandPath()))
		}
		return nil
	}
}
