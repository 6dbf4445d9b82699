package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/report"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

func newReport() *cobra.Command {
	var choice *engine.Config
	var out string
	var noLook, force bool
	var watch time.Duration
	cmd := &cobra.Command{
		Use:   "report RUN...",
		Short: "Make one HTML page of runs: their curves, and what their encoders see",
		Long: "Writes a page that holds all it shows: curves over the steps (several runs over one another), the two views of\n" +
			"sample images, nearest neighbours, a map of the features, confusion, the evaluation if there is one, and the\n" +
			"configuration. It loads nothing from the network, so it can be sent as one file. A run may be in progress.",
		Example: "  mocotpu report runs/glyphs-20260102-030405\n" +
			"  mocotpu report runs/a runs/b --out=compared.html\n" +
			"  mocotpu report runs/a --watch                        # a page that follows the training",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return settings.Invalid(errors.New("report takes run directories; see mocotpu report --help"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkBackend(choice.Backend); err != nil {
				return err
			}
			for _, dir := range args {
				if _, err := run.ReadRecord(dir); errors.Is(err, fs.ErrNotExist) {
					return settings.Invalid(err)
				} else if err != nil {
					return err
				}
			}
			out = cmp.Or(out, run.Beside(args[0], ".html"))
			if cmd.Flags().Changed("watch") && watch < time.Second {
				return settings.Invalid(fmt.Errorf("--watch: %v, want at least 1s, or no --watch for a page that is written once", watch))
			}
			if err := mayWrite(force, args, out); err != nil {
				return err
			}
			stages := terminal.NewStages(cmd.ErrOrStderr())
			defer stages.Close()
			page := func(ctx context.Context, o report.Options) error {
				o.Stage = func(what string) { stages.Stage(what) }
				return writeWhole(out, func(w io.Writer) error { return report.Write(ctx, w, args, o) })
			}
			if watch != 0 {
				stages.Stage(fmt.Sprintf("writing %s every %v until the training has ended", out, watch))
				err := report.Watch(cmd.Context(), args, watch, func() error { return page(cmd.Context(), report.Options{Reload: watch}) })
				if err != nil { // a last page that does not reload
					return errors.Join(err, page(context.WithoutCancel(cmd.Context()), report.Options{}))
				}
			}
			var o report.Options
			if !noLook {
				opened, err := machine.OpenEngine(*choice, programs.Kept(cmd.ErrOrStderr()))
				if err != nil {
					return err
				}
				defer opened.Close()
				o.Backend = opened
			}
			if err := page(cmd.Context(), o); err != nil {
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
	flags.DurationVar(&watch, "watch", 0, "while a run is trained, write the page of its curves this often, and have the browser load it again; the whole page in the end (alone: 30s)")
	flags.Lookup("watch").NoOptDefVal = "30s"
	choice = addBackendFlags(flags)
	return cmd
}
