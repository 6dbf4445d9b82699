package run

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// mostDiffering is how many settings a line has room for.
const mostDiffering = 8

// WriteTable writes a table of runs, a line for each; the settings in which they differ, or the first of them, stand at its end.
func WriteTable(out io.Writer, all []Summary) error {
	readable := slices.DeleteFunc(slices.Clone(all), func(s Summary) bool { return s.State == StateUnreadable })
	configs := make([]Config, len(readable))
	for i, s := range readable {
		configs[i] = s.Config
	}
	differing, err := Differing(configs)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "run\tstate\tstep\tepoch\tloss\tbest kNN\trank\tretrieval\timg/s\tdiffers")
	row := 0
	for _, s := range all {
		if s.State == StateUnreadable {
			fmt.Fprintf(table, "%q\t%s\t\t\t\t\t\t\t\t%q\n", s.Dir, s.State, s.Problem)
			continue
		}
		var differs []string
		for _, d := range differing[:min(mostDiffering, len(differing))] {
			differs = append(differs, d.Name+"="+d.Values[row])
		}
		if left := len(differing) - len(differs); left > 0 {
			differs = append(differs, fmt.Sprintf("and %d more, see --json", left))
		}
		row++
		epoch := fmt.Sprint(s.Epoch)
		if s.Epochs > 0 {
			epoch += fmt.Sprintf(" of %d", s.Epochs)
		}
		rank, retrieval := Float(math.NaN()), Float(math.NaN())
		if s.LabelFree != nil {
			rank, retrieval = s.LabelFree.Headline().Rank, s.LabelFree.Headline().Retrieval
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(s.Dir), s.State, s.Step, epoch, number(s.Loss, 4), number(s.BestKNN, 1),
			number(rank, 1), number(retrieval, 1), number(s.ImagesPerSecond, 0), printable(strings.Join(differs, " ")))
	}
	return table.Flush()
}

func number(x Float, digits int) string {
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
