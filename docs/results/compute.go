package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// computations are the records that compilers compute: each fills the rows of a record that has the rest.
var computations = map[string]struct {
	record func() *record
	rows   func(c *compiler, r *record) error
}{"targets": {targets, targetRows}, "fit": {fits, fitRows}, "hosts": {hosts, hostRows}, "mnist": {mnist, mnistRows}}

// compute makes a record anew, or of its rows those that have a word in the command that computes them; the others stay, and it is
// said of when they are. Every row is written as it comes, and what was compiled before is not compiled again, so that it can be
// interrupted. The machine is what the file says, or the variable MACHINE.
func compute(ctx context.Context, root, name, word string) error {
	what, known := computations[name]
	if !known {
		return fmt.Errorf("results: compute %q, want targets, fit, hosts or mnist", name)
	}
	file := filepath.Join(root, "docs/results", name+".json")
	r, old := what.record(), &record{}
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, old); err != nil {
			return fmt.Errorf("results: %s: %w", file, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if r.Machine = os.Getenv("MACHINE"); r.Machine == "" {
		r.Machine = old.Machine
	}
	revision, err := child.Command{Args: []string{"git", "-C", root, "rev-parse", "--short=7", "HEAD"}}.Run(ctx)
	if err != nil {
		return err
	}
	r.Date, r.Revision = time.Now().Format(time.DateOnly), strings.TrimSpace(string(revision))
	r.keep(old)
	save := func() error { // after every row: a compilation may take long
		text, err := r.encode()
		if err == nil {
			err = errors.Join(r.check(), durable.Replace(durable.Disk{}, file, text))
		}
		return err
	}
	return what.rows(&compiler{ctx: ctx, program: filepath.Join(root, "bin/mocotpu"), word: word, save: save}, r)
}

// compiler runs the command that compiles.
type compiler struct {
	ctx           context.Context
	program, word string
	save          func() error
}

// wanted tells whether a command is one of those that were asked for.
func (c *compiler) wanted(command string) bool { return strings.Contains(command, c.word) }

// compile makes the plan of one target. A step that does not fit is no error.
func (c *compiler) compile(command string) (*plan.Plan, error) {
	fmt.Fprintln(os.Stderr, command)
	args := append([]string{c.program}, strings.Fields(command)[1:]...)
	out, err := child.Command{Args: append(args, "--json", "--time-limit=6h")}.Run(c.ctx)
	var ended *child.Error
	if errors.As(err, &ended) && ended.Code == 3 {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("results: %s: %w", command, err)
	}
	p := new(plan.Plan)
	return p, json.Unmarshal(out, p)
}

// keep takes over the rows of an older record of this name until they are put anew.
func (r *record) keep(old *record) {
	r.Rows, r.Older = old.Rows, map[string]string{}
	for _, row := range old.Rows {
		of, known := old.Older[r.begins(row)]
		if !known {
			of = old.of()
		}
		if old.Machine != r.Machine && !strings.Contains(of, ", on ") {
			of += ", on " + old.Machine
		}
		if of != r.of() {
			r.Older[r.begins(row)] = of
		}
	}
}

func (r *record) of() string { return fmt.Sprintf("%s, revision %s", r.Date, r.Revision) }

// begins is what tells the rows of a computed record apart.
func (r *record) begins(row []cell) string {
	names := make([]string, r.key)
	for i := range names {
		names[i] = row[i].text
	}
	return strings.Join(names, " on ")
}

// put sets the row of this name, or adds it.
func (r *record) put(row ...string) {
	cells := make([]cell, len(row))
	for i, text := range row {
		cells[i].text = text
	}
	same := func(other []cell) bool { return r.begins(other) == r.begins(cells) }
	if at := slices.IndexFunc(r.Rows, same); at >= 0 {
		delete(r.Older, r.begins(cells))
		r.Rows[at] = cells
		return
	}
	r.Rows = append(r.Rows, cells)
}

// encode writes the record as its file has it, a row a line. Its cells are its own.
func (r *record) encode() ([]byte, error) {
	whole := *r
	whole.Rows = nil
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(whole); err != nil {
		return nil, err
	}
	lines := make([]string, len(r.Rows))
	for i, row := range r.Rows {
		cells := make([]string, len(row))
		for j, c := range row {
			text, err := json.Marshal(c.text)
			if err != nil {
				return nil, err
			}
			cells[j] = string(text)
		}
		lines[i] = "    [" + strings.Join(cells, ", ") + "]"
	}
	return bytes.Replace(b.Bytes(), []byte(`"rows": null`), []byte("\"rows\": [\n"+strings.Join(lines, ",\n")+"\n  ]"), 1), nil
}
