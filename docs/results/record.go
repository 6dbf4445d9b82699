package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// record is a file of measurements.
type record struct {
	Title string   `json:"title"`
	Text  []string `json:"text"` // paragraphs before the table

	// How it was measured. Revision is the commit that recorded the figures. A record whose figures are all of other
	// records has none of this.
	Machine  string   `json:"machine"`
	Date     string   `json:"date"` // 2006-01-02
	Revision string   `json:"revision"`
	Software string   `json:"software"` // optional: versions, and what else ran
	Commands []string `json:"commands"`

	Columns []string `json:"columns"`
	Rows    [][]cell `json:"rows"`
	Notes   []string `json:"notes"` // paragraphs after the table
	// Older are the rows that are not of Date and Revision, by what they begin with, with theirs.
	Older map[string]string `json:"older,omitempty"`
	// key is how many cells a row of a computed record begins with that no other row has.
	key int

	name string
}

// cell is one value: text as it is shown, or the place of a value in another record.
type cell struct {
	text string
	from *source
}

// source names a cell of another record: the row that begins with the given cells, and the column.
type source struct {
	Of     string   `json:"of"`
	Row    []string `json:"row"`
	Column string   `json:"column"`
}

func (c *cell) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("{")) {
		c.from = new(source)
		return json.Unmarshal(text, c.from)
	}
	return json.Unmarshal(text, &c.text)
}

// readAll reads the records of a folder, by name.
func readAll(folder string) (map[string]*record, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	all := map[string]*record{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		r := &record{name: strings.TrimSuffix(filepath.Base(file), ".json")}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := errors.Join(d.Decode(r), r.check()); err != nil {
			return nil, fmt.Errorf("results: %s: %w", file, err)
		}
		all[r.name] = r
	}
	for _, r := range all {
		if err := r.resolve(all); err != nil {
			return nil, fmt.Errorf("results: %s: %w", r.name, err)
		}
	}
	return all, nil
}

var revision = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// check returns what is missing or wrong.
func (r *record) check() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	own, measured := false, r.Machine+r.Date+r.Revision != ""
	for i, row := range r.Rows {
		must(len(row) == len(r.Columns), "row %d has %d cells, want %d", i+1, len(row), len(r.Columns))
		own = own || !slices.ContainsFunc(row, func(c cell) bool { return c.from != nil })
	}
	must(r.Title != "", "no title")
	must(len(r.Rows) > 0, "no rows")
	if own || measured {
		_, err := time.Parse(time.DateOnly, r.Date)
		must(err == nil, "date is %q, want one as 2026-11-24", r.Date)
		must(r.Machine != "", "no machine")
		must(revision.MatchString(r.Revision), "revision is %q, want a commit", r.Revision)
		must(len(r.Commands) > 0, "no commands")
	}
	return errors.Join(errs...)
}

// resolve fetches the cells that stand in other records.
func (r *record) resolve(all map[string]*record) error {
	for _, row := range r.Rows {
		for i, c := range row {
			if c.from == nil {
				continue
			}
			other := all[c.from.Of]
			if other == nil {
				return fmt.Errorf("%q is no record", c.from.Of)
			}
			text, err := other.find(*c.from)
			if err != nil {
				return err
			}
			row[i].text = text
		}
	}
	return nil
}

// find returns a cell's text.
func (r *record) find(s source) (string, error) {
	column := slices.Index(r.Columns, s.Column)
	if column < 0 {
		return "", fmt.Errorf("%s has no column %q", r.name, s.Column)
	}
	for _, row := range r.Rows {
		if len(row) < len(s.Row) || !slices.EqualFunc(row[:len(s.Row)], s.Row, func(c cell, text string) bool { return c.text == text }) {
			continue
		}
		if row[column].from != nil {
			return "", fmt.Errorf("%s, row %q, column %q is itself of another record", r.name, s.Row, s.Column)
		}
		return row[column].text, nil
	}
	return "", fmt.Errorf("%s has no row %q", r.name, s.Row)
}
