package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// downloads are the data sets that have files to get.
var downloads = []string{"mnist", "emnist", "cifar10", "cifar100"}

func newData() *cobra.Command {
	cmd := &cobra.Command{
		Use: "data", Short: "Get, examine, pack and verify data sets", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var dir string
	get := &cobra.Command{
		Use:   "get " + strings.Join(downloads, "|"),
		Short: "Download a data set, verify its checksum, and leave it where train looks for it",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(downloads, args[0]) {
				hint := ""
				if near := settings.Nearest(strings.Join(args, " "), downloads); near != "" {
					hint = "; did you mean " + near + "?"
				}
				return settings.Invalid(fmt.Errorf("get %s: want one data set of %s%s", strings.Join(args, " "), strings.Join(downloads, ", "), hint))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				dir = filepath.Join("data", args[0])
			}
			talk := cmd.ErrOrStderr()
			if err := data.Get(cmd.Context(), args[0], dir, data.GetOptions{
				Progress: terminal.Download(talk, args[0]), Note: func(text string) { fmt.Fprintln(talk, text) },
			}); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is in %s\n", args[0], dir)
			return nil
		},
	}
	get.Flags().StringVar(&dir, "dir", "", "folder to put it in (default data/<name>)")
	cmd.AddCommand(get, newDataDoctor(), newDataPack(), newDataVerify())
	return cmd
}
