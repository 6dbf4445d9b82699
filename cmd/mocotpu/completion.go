package main

import (
	"maps"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/judge"
)

// completeFlags teaches the shell completions of all commands what the flags with a choice take, and which flags name
// folders.
func completeFlags(cmd *cobra.Command) {
	choices := map[string][]string{
		"data": dataset.Kinds, "against": dataset.Kinds, "channels": {"1", "3"}, "protocols": judge.Protocols, "baselines": judge.Baselines,
	}
	maps.Copy(choices, runflags.Choices)
	for name, values := range choices {
		if cmd.Flags().Lookup(name) != nil {
			// It fails only where a flag has a completion already.
			_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	for _, name := range []string{"dir", "data-dir"} {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.MarkFlagDirname(name)
		}
	}
	for _, child := range cmd.Commands() {
		completeFlags(child)
	}
}
