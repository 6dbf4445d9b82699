package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A column shows a unit of Row.Values.
type column struct {
	unit, header string
	one          float64 // what the table counts in
	format       string
}

// columns are what a table shows, where any row has it.
var columns = []column{
	{compileUnit, "compile s", 1e9, "%.1f"},
	{overheadUnit, "overhead", 1, "%.2fx"},
	{ratioUnit, "ratio", 1, "%.2f"},
	{cpuUnit, "cpu ms/op", 1e6, "%.3g"},
	{gigaflopsUnit, "Gflop/s", 1, "%.1f"},
	{bandwidthUnit, "GB/s", 1, "%.1f"},
	{idealUnit, "ideal ms", 1e6, "%.4g"},
	{reachedUnit, "reached %", 1, "%.0f"},
	{shareUnit, "share %", 1, "%.1f"},
	{top1Unit, "top-1 %", 1, "%.2f"},
	{pixelsUnit, "MB/s", 1, "%.0f"},
	{peakUnit, "peak MiB", 1 << 20, "%.0f"},
	{deviceUnit, "MiB/device", 1 << 20, "%.0f"},
	{anonUnit, "RssAnon MiB", 1 << 20, "%.0f"},
}

// writeTable writes the report for people: what was timed, a row for each benchmark, and what follows.
func (r *Report) writeTable(w io.Writer) error {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "machine: %s, %d cores, %s/%s, load %.1f at the start\ncommand: %s\nversions: %s\n",
		m.CPU, m.Cores, m.OS, m.Arch, m.Load, r.Command, r.versions())
	var settings []string
	for _, l := range append(slices.Clone(r.Labels), r.Settings...) {
		settings = append(settings, l.Key+" "+l.Value)
	}
	fmt.Fprintf(&b, "settings: %s\n", strings.Join(settings, ", "))
	if r.Source != "" {
		fmt.Fprintf(&b, "images: %s\n", r.Source)
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(r.Rows) > 0 {
		cells := r.cells()
		for i := range cells[0] {
			line := make([]string, len(cells))
			for j := range cells {
				line[j] = cells[j][i]
			}
			fmt.Fprintln(t, strings.Join(line, "\t"))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, note := range r.Notes {
		b.WriteString(note + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cells are the table's columns, each with its header. A column that no row has anything for is left out.
func (r *Report) cells() (all [][]string) {
	add := func(header string, cell func(Row) string) {
		c, used := []string{header}, false
		for _, row := range r.Rows {
			text := cell(row)
			used = used || text != ""
			if text == "" {
				text = "-"
			}
			c = append(c, text)
		}
		if used || header == "benchmark" {
			all = append(all, c)
		}
	}
	add("benchmark", func(row Row) string { return row.Name })
	for _, key := range r.keys() {
		add(key, func(row Row) string { return row.label(key) })
	}
	add("ms/op", func(row Row) string { return figure(row.ns() / 1e6) })
	add("fastest", func(row Row) string {
		if len(row.Samples) < 2 {
			return ""
		}
		return figure(slices.Min(row.Samples) / 1e6)
	})
	add("img/s", func(row Row) string { return figure(row.rate()) })
	for _, c := range columns {
		add(c.header, func(row Row) string {
			if v, ok := row.Values[c.unit]; ok {
				return fmt.Sprintf(c.format, v/c.one)
			}
			return ""
		})
	}
	add("losses", func(row Row) string {
		if n := len(row.Losses); n > 0 && row.Missing == "" {
			return fmt.Sprintf("%.4f to %.4f in %d", row.Losses[0], row.Losses[n-1], n)
		}
		return ""
	})
	add("missing", func(row Row) string { return row.Missing })
	return all
}

// keys are those of the rows' labels, as they come.
func (r *Report) keys() (all []string) {
	for _, row := range r.Rows {
		for _, l := range row.Labels {
			if !slices.Contains(all, l.Key) {
				all = append(all, l.Key)
			}
		}
	}
	return all
}

// figure prints about four digits of a number, and nothing for 0.
func figure(v float64) string {
	switch {
	case v == 0:
		return ""
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
