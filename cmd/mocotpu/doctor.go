package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/training"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/setup"
)

func newDoctor() *cobra.Command {
	var clear bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "List which engines work on this machine, and how to get the others",
		Long: "Opens every engine that is installed, and prints how to get the others.\n\n" +
			"Compiled programs are kept, so that the second start of a run, or of mocotpu compile, does not compile again. They\n" +
			"are in the folder that $MOCOTPU_CACHE names, else in ~/.cache/mocotpu/programs, up to 4 GB.\n" +
			"MOCOTPU_CACHE=off keeps none.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows := setup.Doctor(func(engine string) (int, string, error) { return xla.Probe(cmd.Context(), engine) })
			if err := setup.WriteTable(cmd.OutOrStdout(), rows); err != nil {
				return err
			}
			machine.WriteProcessor(cmd.OutOrStdout())
			training.WriteStatus(cmd.OutOrStdout())
			if err := programs.WriteStatus(cmd.OutOrStdout(), clear); err != nil {
				return err
			}
			for _, row := range rows {
				if row.Usable() {
					return nil
				}
			}
			return errors.New("no engine works")
		},
	}
	cmd.Flags().BoolVar(&clear, "clear-programs", false, "remove the compiled programs that are kept")
	return cmd
}
