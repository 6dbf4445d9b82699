package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// readmeBlock is a command that README shows, and the lines that it prints.
type readmeBlock struct {
	command string
	output  []string
}

// readmeBlocks are the lines that begin with "$ mocotpu", each with the indented lines below it.
func readmeBlocks(text string) []readmeBlock {
	var all []readmeBlock
	inside := false
	for line := range strings.Lines(text) {
		line, indented := strings.CutPrefix(strings.TrimRight(line, " \n"), "    ")
		command, isCommand := strings.CutPrefix(line, "$ mocotpu ")
		switch {
		case indented && isCommand:
			all = append(all, readmeBlock{command: command})
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

var numbers = regexp.MustCompile(`-?\d+(\.\d+)?`)

// shape is a line without what differs from machine to machine: numbers and the width of columns.
func shape(line string) string {
	return strings.Join(strings.Fields(numbers.ReplaceAllString(line, "N")), " ")
}

// Every "$ mocotpu" block of README does what README says, in order, in an empty folder; numbers may differ. A line
// "..." stands for any lines.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := readmeBlocks(string(text))
	if len(blocks) < 4 {
		t.Fatalf("%d blocks, want at least 4", len(blocks))
	}
	t.Chdir(t.TempDir())
	for _, b := range blocks {
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
			t.Errorf("mocotpu %s: README shows no output", b.command)
		}
		skipping := false
		for _, line := range b.output {
			if line == "..." {
				skipping = true
				continue
			}
			at := slices.Index(printed, shape(line))
			if at < 0 || at > 0 && !skipping {
				t.Errorf("mocotpu %s: README has %q, and next it prints %q", b.command, shape(line), printed)
				break
			}
			printed, skipping = printed[at+1:], false
		}
		if len(printed) > 0 && !skipping {
			t.Errorf("mocotpu %s: README does not have %q", b.command, printed)
		}
	}
}

func TestReadmeBlocks(t *testing.T) {
	got := readmeBlocks("# a\n\n    $ mocotpu one --x=1\n    printed\n\n    more\n\nText.\n\n    mocotpu two\n    $ mocotpu three\n")
	want := []readmeBlock{{"one --x=1", []string{"printed", "more"}}, {"three", nil}}
	if !slices.EqualFunc(got, want, func(a, b readmeBlock) bool { return a.command == b.command && slices.Equal(a.output, b.output) }) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := shape("epoch  12  loss -0.50 (k=5)"); got != "epoch N loss N (k=N)" {
		t.Errorf("%q, want the numbers as N", got)
	}
}
