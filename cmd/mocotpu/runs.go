package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

func newRuns() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "runs [FOLDER]",
		Short: "List the runs below a folder: how far each is, how good, how fast, and in what they differ",
		Args:  func(cmd *cobra.Command, args []string) error { return noArguments(cmd, args[min(len(args), 1):]) },
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := "runs"
			if len(args) == 1 {
				folder = args[0]
			}
			all, err := run.List(folder)
			if err != nil {
				return settings.Invalid(err)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), all)
			}
			if len(all) == 0 {
				return settings.Invalid(fmt.Errorf("there is no run below %s", folder))
			}
			return run.WriteTable(cmd.OutOrStdout(), all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the whole configuration of each")
	return cmd
}
