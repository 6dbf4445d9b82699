package main

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/data/specimen"
)

// pages reads README.md and docs/*.md.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range append(must.M1(filepath.Glob("../../docs/*.md")), "../../README.md") {
		all[filepath.Base(name)] = string(must.M1(os.ReadFile(name)))
	}
	if len(all) < 2 {
		t.Fatalf("%d pages, want README.md and those of docs", len(all))
	}
	return all
}

// block is a command that a page shows, and the lines that it prints.
type block struct {
	command string
	output  []string
}

// blocksOf are the lines that begin with "$ mocotpu", each with the indented lines below it.
func blocksOf(text string) []block {
	var all []block
	inside := false
	for line := range strings.Lines(text) {
		line, indented := strings.CutPrefix(strings.TrimRight(line, " \n"), "    ")
		command, isCommand := strings.CutPrefix(line, "$ mocotpu ")
		switch {
		case indented && isCommand:
			all = append(all, block{command: command})
			inside = true
		case line == "":
		case indented && inside:
			all[len(all)-1].output = append(all[len(all)-1].output, line)
		default:
			inside = false
		}
	}
	return all
}

var numbers = regexp.MustCompile(`-?\d+(\.\d+)?(e[-+]\d+)?`)

// shape is a line without what differs from machine to machine: numbers and the width of columns.
func shape(line string) string {
	return strings.Join(strings.Fields(numbers.ReplaceAllString(line, "N")), " ")
}

// Every "$ mocotpu" block of a page prints what the page shows, in order, in a folder that has nothing but drawn photos and scans;
// numbers may differ. A line "..." stands for any lines.
func TestDocs(t *testing.T) {
	count := 0
	for name, text := range pages(t) {
		blocks := blocksOf(text)
		count += len(blocks)
		if len(blocks) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			drawing := specimen.Options{Images: 48, Classes: 4, Width: 50, Height: 36}
			must.M(specimen.Folder(t.Context(), "photos/train", drawing))
			drawing.Images, drawing.Seed = 16, 1
			must.M(specimen.Folder(t.Context(), "photos/val", drawing))
			putScans("scans")
			for _, b := range blocks {
				runBlock(t, b)
			}
		})
	}
	if count < 15 {
		t.Errorf("%d blocks in all pages, want at least 15", count)
	}
}

// runBlock runs a command and compares what it prints on standard output with its page.
func runBlock(t *testing.T, b block) {
	t.Helper()
	code, stdout, stderr := call(t, strings.Fields(b.command)...)
	if code != 0 {
		t.Fatalf("mocotpu %s: exit code %d, stderr %q", b.command, code, stderr)
	}
	var printed []string
	for line := range strings.Lines(stdout) {
		if s := shape(line); s != "" {
			printed = append(printed, s)
		}
	}
	if b.output == nil {
		t.Errorf("mocotpu %s: the page shows no output", b.command)
	}
	skipping := false
	for _, line := range b.output {
		if line == "..." {
			skipping = true
			continue
		}
		at := slices.Index(printed, shape(line))
		if at < 0 || at > 0 && !skipping {
			t.Errorf("mocotpu %s: the page has %q, and next it prints %q", b.command, shape(line), printed)
			return
		}
		printed, skipping = printed[at+1:], false
	}
	if len(printed) > 0 && !skipping {
		t.Errorf("mocotpu %s: the page does not have %q", b.command, printed)
	}
}

var (
	// A command in a line of its own, or in text between backquotes.
	mentioned = regexp.MustCompile("(?m)^    (?:\\$ )?(?:bin/)?mocotpu( [^#\n]*)|`(?:bin/)?mocotpu( [^`]*)`")
	flagNamed = regexp.MustCompile(`(?:^|[\s\[])--([a-z][a-z-]*)`)
	lineBreak = regexp.MustCompile(`\s+`)
)

// Every command that a page mentions exists, with the flags that it is given: also those that need hardware or a network,
// which no test runs.
func TestDocsNameCommandsAndFlags(t *testing.T) {
	for name, text := range pages(t) {
		for _, m := range mentioned.FindAllStringSubmatch(text, -1) {
			line := strings.TrimSpace(lineBreak.ReplaceAllString(m[1]+m[2], " "))
			if problem := unknownIn(line); problem != "" {
				t.Errorf("%s: mocotpu %s: %s", name, line, problem)
			}
		}
	}
	for line, wrong := range map[string]bool{"train --lr=1": false, "trian": true, "train --lrr=1": true, "data fetch": true, "eval RUN --protocols=knn": false, "launch train --lr=1": false, "launch train --lrr=1": true} {
		if got := unknownIn(line); (got != "") != wrong {
			t.Errorf("mocotpu %s: %q, want an objection: %v", line, got, wrong)
		}
	}
}

// unknownIn returns what the command does not know of a line's command and flags, or "".
func unknownIn(line string) string {
	if launch, flags, ok := strings.Cut(line, " train "); ok && strings.HasPrefix(launch, "launch") { // another command behind it
		return cmp.Or(unknownIn(launch), unknownIn("train "+flags))
	}
	root := newRoot()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	command, rest, err := root.Find(strings.Fields(line))
	if err != nil {
		return err.Error()
	}
	if command.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return "no command " + rest[0]
	}
	for _, f := range flagNamed.FindAllStringSubmatch(line, -1) {
		if !hasFlag(command, f[1]) {
			return "no flag --" + f[1]
		}
	}
	return ""
}

func hasFlag(command *cobra.Command, name string) bool {
	command.InitDefaultHelpFlag()
	return command.Flags().Lookup(name) != nil || command.InheritedFlags().Lookup(name) != nil
}

func TestBlocksOf(t *testing.T) {
	got := blocksOf("# a\n\n    $ mocotpu one --x=1\n    printed\n\n    more\n\nText.\n\n    mocotpu two\n    $ mocotpu three\n")
	want := []block{{"one --x=1", []string{"printed", "more"}}, {"three", nil}}
	if !slices.EqualFunc(got, want, func(a, b block) bool { return a.command == b.command && slices.Equal(a.output, b.output) }) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := shape("epoch  12  loss -0.50 (k=5) 1.5e-05"); got != "epoch N loss N (k=N) N" {
		t.Errorf("%q, want the numbers as N", got)
	}
}
