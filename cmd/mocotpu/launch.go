package main

import (
	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/training"
)

func newLaunch() *cobra.Command {
	count := 2
	cmd := &cobra.Command{
		Use:   "launch --processes=2 train ...",
		Short: "Start a run of several processes on this machine",
		Long: "Starts so many processes of the command that follows, which train one run together, as on several hosts. Process 0 shows\n" +
			"the run; the lines of the others have their number in front. When one fails all end.",
		Example: "  mocotpu launch --processes=2 train --backend=cpu",
		RunE: func(cmd *cobra.Command, args []string) error {
			return training.Launch(cmd.Context(), count, args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().SetInterspersed(false) // the flags behind train are its own
	cmd.Flags().IntVar(&count, "processes", count, "how many processes to start")
	return cmd
}
