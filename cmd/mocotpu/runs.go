package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/run"
)

func newRuns() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "runs [FOLDER]",
		Short: "List the runs below a folder: how far each is, how good, how fast, and in what they differ",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%d folders, want one, or none for runs; see mocotpu runs --help", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := "runs"
			if len(args) == 1 {
				folder = args[0]
			}
			all, err := run.List(folder)
			if err != nil {
				return usageError{err}
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(all)
			}
			if len(all) == 0 {
				return usageError{fmt.Errorf("there is no run below %s", folder)}
			}
			return printRuns(cmd.OutOrStdout(), all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the whole configuration of each")
	return cmd
}

// printRuns has a line for each run; the settings in which they differ stand at its end.
func printRuns(out io.Writer, all []run.Summary) error {
	readable := slices.DeleteFunc(slices.Clone(all), func(s run.Summary) bool { return s.State == run.StateUnreadable })
	configs := make([]run.Config, len(readable))
	for i, s := range readable {
		configs[i] = s.Config
	}
	differing, err := run.Differing(configs)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "run\tstate\tstep\tepoch\tloss\tbest kNN\timg/s\tdiffers")
	row := 0
	for _, s := range all {
		if s.State == run.StateUnreadable {
			fmt.Fprintf(table, "%q\t%s\t\t\t\t\t\t%q\n", s.Dir, s.State, s.Problem)
			continue
		}
		var differs []string
		for _, d := range differing {
			differs = append(differs, d.Name+"="+d.Values[row])
		}
		row++
		epoch := fmt.Sprint(s.Epoch + 1)
		if s.Epochs > 0 {
			epoch += fmt.Sprintf(" of %d", s.Epochs)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", printable(s.Dir), s.State, s.Step, epoch, figure(s.Loss, 4), figure(s.BestKNN, 1),
			figure(s.ImagesPerSecond, 0), printable(strings.Join(differs, " ")))
	}
	return table.Flush()
}

func figure(x run.Float, digits int) string {
	if !x.Finite() {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, float64(x))
}

// printable is a text of a stranger's file as a terminal may have it.
func printable(text string) string {
	if quoted := fmt.Sprintf("%q", text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}
