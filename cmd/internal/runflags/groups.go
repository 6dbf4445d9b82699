package runflags

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/run"
)

// groupOf is the annotation of a flag that names its group in help.
const groupOf = "group"

// The groups of flags, in the order in which help shows them. Flags of no group come last, as output.
const (
	// GroupFirst has the few that most users set.
	GroupFirst = "The ones that matter most"
	// GroupData is that of the images.
	GroupData      = "Data and views"
	groupModel     = "Model"
	groupAlgorithm = "Algorithm"
	groupOptim     = "Optimisation"
	// GroupEngine is that of what runs the step.
	GroupEngine = "Engine"
	// GroupProcesses is that of a run over several processes.
	GroupProcesses = "Several processes"
	// GroupProtocols is that of how an encoder is judged.
	GroupProtocols = "Protocols"
	groupRun       = "Run and evaluation"
	groupOutput    = "Output"
)

var groups = []string{GroupFirst, GroupData, groupModel, groupAlgorithm, groupOptim, GroupEngine, GroupProcesses, GroupProtocols, groupRun, groupOutput}

// SetGroup puts flags into a group.
func SetGroup(flags *pflag.FlagSet, group string, names ...string) {
	for _, name := range names {
		f := flags.Lookup(name)
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[groupOf] = []string{group}
	}
}

// groupedUsages is the list of a command's flags, by group where it has any, with the defaults of the preset that was given.
func groupedUsages(flags *pflag.FlagSet) string {
	showPreset(flags)
	sets := map[string]*pflag.FlagSet{}
	flags.VisitAll(func(f *pflag.Flag) {
		group := groupOutput
		if g := f.Annotations[groupOf]; len(g) > 0 {
			group = g[0]
		}
		if sets[group] == nil {
			sets[group] = pflag.NewFlagSet("", pflag.ContinueOnError)
			sets[group].SortFlags = false
		}
		sets[group].AddFlag(f)
	})
	if len(sets) < 2 {
		return "Flags:\n" + flags.FlagUsages()
	}
	var b strings.Builder
	for _, group := range groups {
		if set := sets[group]; set != nil {
			fmt.Fprintf(&b, "%s:\n%s\n", group, set.FlagUsages())
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// showPreset makes what help shows as defaults those of the preset that was given.
func showPreset(flags *pflag.FlagSet) {
	preset := flags.Lookup("preset")
	if preset == nil || !preset.Changed {
		return
	}
	c, err := run.Preset(preset.Value.String())
	if err != nil {
		return // help is asked for, and what is wrong is said without it
	}
	bound := pflag.NewFlagSet("", pflag.ContinueOnError)
	bindConfig(bound, &c)
	bound.VisitAll(func(f *pflag.Flag) { flags.Lookup(f.Name).DefValue = f.DefValue })
}

// GroupHelp makes help show the flags of all commands in groups.
func GroupHelp(root *cobra.Command) {
	cobra.AddTemplateFunc("groupedUsages", func(cmd *cobra.Command) string { return groupedUsages(cmd.LocalFlags()) })
	const plain = "Flags:\n{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}"
	template := root.UsageTemplate()
	if !strings.Contains(template, plain) {
		panic("cobra's usage template has changed: " + template)
	}
	root.SetUsageTemplate(strings.Replace(template, plain, "{{groupedUsages . | trimTrailingWhitespaces}}", 1))
}

// of are the names of all flags of a command, hidden ones aside.
func of(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	slices.Sort(names)
	return names
}
