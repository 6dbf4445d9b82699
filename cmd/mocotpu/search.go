package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/bank"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/report"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// searchFlags are what the user asks search for.
type searchFlags struct {
	bank, encoder, decoder, html string
	neighbours                   int
	json, force                  bool
	engine                       *engine.Config
}

func newSearch() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search --bank=FILE IMAGES...",
		Short: "Find the images of a bank that are most similar to others",
		Long: "Embeds image files, and all that are below folders, by the encoder that made a bank of features (mocotpu embed\n" +
			"IMAGES... --encoder=FILE), and prints for each the bank's most similar images with their cosine similarity, the\n" +
			"nearest first. An image that is in the bank finds itself.",
		Example: "  mocotpu embed photos --encoder=encoder.safetensors --out=bank.npy\n" +
			"  mocotpu search --bank=bank.npy new.jpg --html=found.html",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || f.bank == "" {
				return settings.Invalid(fmt.Errorf("want --bank=FILE and images to look for; see %s --help", cmd.CommandPath()))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.bank, "bank", "", "features that embed wrote of image files, with their names beside them (.json)")
	flags.IntVar(&f.neighbours, "neighbours", 8, "images to find for each")
	flags.StringVar(&f.html, "html", "", "page to write, with the pictures (default: none)")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.BoolVar(&f.force, "force", false, "write over files that are there")
	addFileFlags(flags, &f.encoder, &f.decoder)
	flags.Lookup("encoder").Usage = "run directory or file of the bank's encoder (default: where it was, if that is below the bank's folder)"
	f.engine = addEngineFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.search(cmd, args) }
	return cmd
}

func (f searchFlags) search(cmd *cobra.Command, paths []string) error {
	if err := checkBackend(f.engine.Backend); err != nil {
		return err
	}
	if f.neighbours < 1 {
		return settings.Invalid(fmt.Errorf("--neighbours %d: want at least 1", f.neighbours))
	}
	if err := mayWrite(f.force, append(given(f.bank, f.bank+bank.Suffix, f.encoder), paths...), given(f.html)...); err != nil {
		return err
	}
	library, err := picture.Choose(f.decoder)
	if err != nil {
		return settings.Invalid(fmt.Errorf("--decoder: %w", err))
	}
	b, err := bank.Open(f.bank)
	if err != nil {
		return settings.Invalid(err)
	}
	list, err := files.Paths(paths)
	if err != nil {
		return settings.Invalid(err)
	}
	if f.encoder == "" {
		if f.encoder = b.EncoderPath(); f.encoder == "" {
			return settings.Invalid(fmt.Errorf("--encoder: %s was made by %q, which is not below its folder: say where it is", f.bank, b.Encoder.Path))
		}
	}
	w, err := loadEncoder(cmd, f.encoder)
	if err != nil {
		return err
	}
	var found []bank.Found
	err = withEncoder(cmd, w, encoder.Options{}, *f.engine, func(opened *xla.Engine, e *encoder.Encoder, watch *terminal.Stages) error {
		s, err := judge.NewSearch(opened)
		if err != nil {
			return err
		}
		defer s.Close()
		found, err = b.Search(cmd.Context(), s, e, w, list, f.neighbours, bank.Options{
			Library: library, Broken: tellBroken(cmd, "which is not looked for"), Progress: watch.Stage(fmt.Sprintf("embedding %d images", list.Len())),
		})
		return err
	})
	switch {
	case errors.Is(err, bank.ErrOther):
		return settings.Invalid(fmt.Errorf("%w: name the bank's by --encoder", err))
	case err != nil:
		return err
	case len(found) == 0:
		return fmt.Errorf("%w: none of the images can be read", data.ErrCorrupt)
	}
	if f.html != "" {
		page := func(out io.Writer) error {
			return report.WriteSearch(out, f.bank, found, library, w.Manifest.Input.Window)
		}
		if err := writeWhole(f.html, page); err != nil {
			return err
		}
	}
	if f.json {
		return writeJSON(cmd.OutOrStdout(), found...)
	}
	return bank.WriteText(cmd.OutOrStdout(), found)
}
