package main

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
)

// completeFlags teaches the shell completions of all commands what the flags with a choice take, and which flags name
// folders.
func completeFlags(cmd *cobra.Command) {
	choices := map[string][]string{
		"data": dataset.Kinds, "against": dataset.Kinds, "channels": {"1", "3"}, "protocols": judge.Protocols, "baselines": judge.Baselines,
	}
	maps.Copy(choices, runflags.Choices)
	complete := map[string]cobra.CompletionFunc{"keep": completeKeep, "views": completeViews}
	for name, values := range choices {
		if complete[name] == nil {
			complete[name] = cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
		}
	}
	for name, function := range complete {
		if cmd.Flags().Lookup(name) != nil {
			// It fails only where a flag has a completion already.
			_ = cmd.RegisterFlagCompletionFunc(name, function)
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

// completeKeep offers the parts of --keep that the word does not have, behind its last comma.
func completeKeep(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	before := word[:strings.LastIndex(word, ",")+1]
	parts := []string{"last=", "every=", "best"}
	for _, figure := range run.BestFigures() {
		parts = append(parts, "best="+figure)
	}
	parts = slices.DeleteFunc(parts, func(part string) bool {
		name, _, _ := strings.Cut(part, "=")
		return slices.ContainsFunc(strings.Split(before, ","), func(given string) bool {
			given, _, _ = strings.Cut(given, "=")
			return given == name
		})
	})
	for i := range parts {
		parts[i] = before + parts[i]
	}
	return parts, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeViews offers the presets of views, and the .json files and folders that begin with the word.
func completeViews(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	folder, start := filepath.Split(word)
	var found []string
	if folder == "" {
		found = slices.Clone(augment.Presets())
	}
	entries, _ := os.ReadDir(cmp.Or(folder, ".")) // no folder has no files
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, start) || strings.HasPrefix(name, ".") && start == "" {
			continue
		}
		if info, err := os.Stat(filepath.Join(folder, name)); err == nil && info.IsDir() {
			found = append(found, folder+name+"/")
			directive |= cobra.ShellCompDirectiveNoSpace // what is in it follows
		} else if filepath.Ext(name) == ".json" {
			found = append(found, folder+name)
		}
	}
	return found, directive
}
