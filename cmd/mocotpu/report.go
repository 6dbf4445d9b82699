package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/machine"
	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/report"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/programs"
)

func newReport() *cobra.Command {
	var choice engine.Config
	var out string
	var noLook, force bool
	cmd := &cobra.Command{
		Use:   "report RUN...",
		Short: "Make one HTML page of runs: their curves, and what their encoders see",
		Long: "Writes a page that holds all it shows: curves over the steps (several runs over one another), the two views of\n" +
			"sample images, nearest neighbours, a map of the features, confusion, the evaluation if there is one, and the\n" +
			"configuration. It loads nothing from the network, so it can be sent as one file. A run may be in progress.",
		Example: "  mocotpu report runs/glyphs-20260102-030405\n" +
			"  mocotpu report runs/a runs/b --out=compared.html",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("report takes run directories; see mocotpu report --help")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkBackend(choice.Backend); err != nil {
				return usageError{err}
			}
			for _, dir := range args {
				if _, err := run.ReadRecord(dir); err != nil {
					if errors.Is(err, fs.ErrNotExist) {
						err = usageError{err}
					}
					return err
				}
			}
			if out == "" {
				out = filepath.Clean(args[0]) + ".html"
			}
			if err := refuseExisting(force, out); err != nil {
				return err
			}
			watch := terminal.NewStages(cmd.ErrOrStderr())
			defer watch.Close()
			o := report.Options{Stage: func(what string) { watch.Stage(what) }}
			if !noLook {
				opened, err := machine.OpenEngine(choice, programs.Kept(cmd.ErrOrStderr()))
				if err != nil {
					return err
				}
				defer opened.Close()
				o.Backend = opened
			}
			err := writeWhole(out, func(w io.Writer) error { return report.Write(cmd.Context(), w, args, o) })
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), out)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&out, "out", "", "file to write (default <first run>.html)")
	flags.BoolVar(&force, "force", false, "replace a page that is there already")
	flags.BoolVar(&noLook, "curves-only", false, "leave out what takes the data set and an engine: views, neighbours, map, confusion")
	flags.StringVar(&choice.Backend, "backend", "auto", "engine: "+strings.Join(engine.Backends, ", "))
	flags.StringVar(&choice.Plugin, "plugin", "", "path of a PJRT plugin to use instead of the installed one")
	return cmd
}
