package bench

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// writeBench writes the report in the format of Go's benchmarks, of which golang.org/x/perf/benchfmt is the definition:
// lines of configuration, and a line for each sample. What was measured once stands in a benchmark's first line only, so
// that nobody takes it for several samples. What would keep reports of two commits apart, but for the revision, is a
// comment.
func (r *Report) writeBench(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# %s\n", r.Command)
	fmt.Fprintf(out, "# load %.1f at the start, %d cores; %s\n", r.Machine.Load, r.Machine.Cores, r.versions())
	if r.Source != "" {
		fmt.Fprintf(out, "# %s\n", r.Source)
	}
	for _, c := range append([]Label{
		{"goos", r.Machine.OS},
		{"goarch", r.Machine.Arch},
		{"cpu", r.Machine.CPU},
		{"engine", r.Versions["engine"]},
		{"revision", r.Versions["revision"]},
	}, r.Settings...) {
		if c.Value != "" {
			fmt.Fprintf(out, "%s: %s\n", c.Key, c.Value)
		}
	}
	fmt.Fprintf(out, "Unit images/s better=higher\nUnit %s assume=exact\n", deviceUnit)
	for _, row := range r.Rows {
		name := r.fullName(row)
		if row.Missing != "" {
			fmt.Fprintf(out, "# %s: %s\n", name, strings.Join(strings.Fields(row.Missing), " "))
		}
		for i, ns := range row.Samples {
			fmt.Fprintf(out, "%s %d %.0f ns/op", name, row.Iterations, ns)
			if row.Images > 0 {
				fmt.Fprintf(out, " %.6g images/s", 1e9*float64(row.Images)/ns)
			}
			for _, unit := range slices.Sorted(maps.Keys(row.Values)) {
				if i == 0 && unit != overheadUnit && unit != ratioUnit { // those two follow from other lines
					fmt.Fprintf(out, " %s %s", strconv.FormatFloat(row.Values[unit], 'f', -1, 64), unit)
				}
			}
			fmt.Fprintln(out)
		}
	}
	return out.Flush()
}

// fullName is the name that benchstat knows a row by.
func (r *Report) fullName(row Row) string {
	name := "Benchmark" + row.Name
	for _, l := range append(slices.Clone(r.Labels), row.Labels...) {
		if l.Value != "" {
			name += "/" + l.Key + "=" + strings.NewReplacer(" ", "_", "/", "_").Replace(l.Value)
		}
	}
	return name
}

// versions are those of everything, in one line.
func (r *Report) versions() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		if v := r.Versions[name]; v != "" {
			all = append(all, name+" "+v)
		}
	}
	return strings.Join(all, ", ")
}
