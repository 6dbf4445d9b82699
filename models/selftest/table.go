package selftest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteTable writes a line for each check and each speed.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s engine, %d device(s), %s\n\n", r.Engine, r.Devices, r.Plugin)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "check\tverdict\tseconds\twhat was found, and the most it may be")
	for _, c := range r.Results {
		fmt.Fprintf(table, "%s\t%s\t%.1f\t%s\n", c.Name, c.Verdict, c.Seconds, c.found())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(r.Speeds) > 0 {
		fmt.Fprintln(table, "\npreset\tprecision\timg/s\tstep, compilation")
	}
	for _, s := range r.Speeds {
		if s.Missing != "" {
			fmt.Fprintf(table, "%s\t%s\t-\t%s\n", s.Preset, s.Precision, strings.ReplaceAll(s.Missing, "\n", "; "))
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%.0f\tbatch %d on %d device(s): %.1f ms; compiled in %.1f s\n",
			s.Preset, s.Precision, s.ImagesPerSecond, s.Batch, s.Devices, 1e3*s.StepSeconds, s.CompileSeconds)
	}
	return table.Flush()
}

// found is why a check did not pass, or its figures.
func (c Result) found() string {
	if c.Why != "" {
		return strings.ReplaceAll(c.Why, "\n", "; ")
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(c.Figures)) {
		text := fmt.Sprintf("%s %.2g", name, c.Figures[name])
		if limit, ok := c.Limits[name]; ok {
			text += fmt.Sprintf(" (%.0g)", limit)
		} else if c.Figures[name] >= 100 {
			text = fmt.Sprintf("%s %.0f", name, c.Figures[name])
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}
