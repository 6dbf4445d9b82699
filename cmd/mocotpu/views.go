package main

import (
	"fmt"
	"image/png"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/report"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

func newViews() *cobra.Command {
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "views",
		Short: "Draw what train would see: images of the data set and the views that it makes of them",
		Long: "Takes the flags of train and writes one picture before anything trains: a row for each of eight training images,\n" +
			"with the image as it is read and its two views in each of the first three epochs.",
		Example: "  mocotpu views --preset=glyphs --out=views.png\n" +
			"  mocotpu views --preset=moco-v2 --data=photos --crop=0.5,1 --blur=0 --out=views.png",
		Args: noArguments,
	}
	config := runflags.Add(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Resolve(cmd.Flags())
		if err != nil {
			return settings.Invalid(err)
		}
		if !strings.EqualFold(filepath.Ext(out), ".png") {
			return settings.Invalid(fmt.Errorf("--out: %s, want a name that ends in .png: the picture is a PNG", out))
		}
		if err := mayWrite(force, given(c.Data.Dir), out); err != nil {
			return err
		}
		source, err := openSplit(cmd, c.Data, "train")
		if err != nil {
			return err
		}
		defer source.Close()
		tellDataNotes(cmd, source)
		e, err := machine.OpenEngine(c.Engine, programs.Kept(cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer e.Close()
		sheet, err := report.ViewSheet(e, c, source)
		if err != nil {
			return err
		}
		if err := writeWhole(out, func(w io.Writer) error { return png.Encode(w, sheet) }); err != nil {
			return err
		}
		info := source.Info()
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %d images of %s, and beside each its two views in epochs 1 to %d\n",
			out, min(report.SheetImages, info.N), info.Name, report.SheetEpochs)
		return nil
	}
	cmd.Flags().StringVar(&out, "out", "views.png", "PNG file to write")
	cmd.Flags().BoolVar(&force, "force", false, "replace a picture that is there already")
	return cmd
}
