package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// page is a file's text, as it is and as it should be.
type page struct{ now, wanted string }

// fillAll reads the pages of a repository, README.md and docs/*.md, and fills them with the records.
func fillAll(root string) (map[string]page, error) {
	records, err := readAll(filepath.Join(root, "docs/results"))
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil {
		return nil, err
	}
	pages := map[string]page{}
	for _, name := range append(names, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		// README lies one folder above the others.
		benchmarks := "benchmarks.md"
		if filepath.Base(name) == "README.md" {
			benchmarks = "docs/benchmarks.md"
		}
		wanted, err := fill(string(text), records, benchmarks)
		if err != nil {
			return nil, fmt.Errorf("results: %s: %w", name, err)
		}
		pages[name] = page{string(text), wanted}
	}
	return pages, nil
}

var opening = regexp.MustCompile(`^<!-- (result|table) (\S+) -->$`)

const closing = "<!-- end -->"

// fill replaces what stands between the markers. Benchmarks is the page of all records, as a link.
func fill(text string, records map[string]*record, benchmarks string) (string, error) {
	var out strings.Builder
	inside := ""
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		found := opening.FindStringSubmatch(bare)
		switch {
		case inside != "" && found != nil:
			return "", fmt.Errorf("%s begins before %s ends: want %s between them", bare, inside, closing)
		case inside != "" && bare == closing:
			inside = ""
			out.WriteString(line)
		case bare == closing:
			return "", fmt.Errorf("%s without a beginning", closing)
		case found != nil:
			r := records[found[2]]
			if r == nil {
				return "", fmt.Errorf("%s: no docs/results/%s.json", bare, found[2])
			}
			inside = bare
			out.WriteString(line)
			if found[1] == "result" {
				r.writeWhole(&out)
			} else {
				out.WriteString("\n")
				r.writeTable(&out)
				r.writeHow(&out, benchmarks)
			}
		case inside == "":
			out.WriteString(line)
		}
	}
	if inside != "" {
		return "", fmt.Errorf("%s has no end: want %s", inside, closing)
	}
	return out.String(), nil
}

// writeWhole writes everything there is to a record, as the page of benchmarks shows it.
func (r *record) writeWhole(out *strings.Builder) {
	fmt.Fprintf(out, "\n## %s\n\n", r.Title)
	for _, p := range r.Text {
		fmt.Fprintf(out, "%s\n\n", p)
	}
	r.writeTable(out)
	for _, p := range r.Notes {
		fmt.Fprintf(out, "%s\n\n", p)
	}
	of := map[string][]string{}
	for row, when := range r.Older {
		of[when] = append(of[when], row)
	}
	for _, when := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(out, "Of %s: %s.\n\n", when, strings.Join(slices.Sorted(slices.Values(of[when])), "; "))
	}
	fmt.Fprintf(out, "Measured on %s; %s; revision %s.", r.Machine, r.Date, r.Revision)
	if r.Software != "" {
		fmt.Fprintf(out, " With %s.", r.Software)
	}
	out.WriteString("\n\n")
	for _, c := range r.Commands {
		fmt.Fprintf(out, "    %s\n", c)
	}
	out.WriteString("\n")
}

// writeTable writes the rows below their columns.
func (r *record) writeTable(out *strings.Builder) {
	fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(r.Columns, " | "), strings.Repeat("---|", len(r.Columns)))
	for _, row := range r.Rows {
		for _, c := range row {
			fmt.Fprintf(out, "| %s ", c.text)
		}
		out.WriteString("|\n")
	}
	out.WriteString("\n")
}

// writeHow writes in a line how it was measured, with a link to the rest. What is of several records has them linked.
func (r *record) writeHow(out *strings.Builder, benchmarks string) {
	if r.Machine == "" {
		fmt.Fprintf(out, "Machine, date and command of each: [%s](%s).\n\n", filepath.Base(benchmarks), benchmarks)
		return
	}
	fmt.Fprintf(out, "%s; %s; [command and notes](%s#%s).\n\n", r.Machine, r.Date, benchmarks, anchor(r.Title))
}

var notInAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)

// anchor is what a heading is called in a link, as GitHub makes it.
func anchor(heading string) string {
	return strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}
