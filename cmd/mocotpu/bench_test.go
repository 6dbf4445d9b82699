package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/cmd/mocotpu/bench"
)

// tinyStep are the flags of a step that takes a second on the go engine.
var tinyStep = []string{
	"bench", "step", "--preset=glyphs", "--backend=go", "--width=4", "--batch=16", "--bn-groups=2", "--queue=32", "--repeat=2", "--image-size=8",
}

// The report is printed in each format, with the command line in it; the bench format has a line for each timed step.
func TestBenchFormats(t *testing.T) {
	commandLine := "mocotpu " + strings.Join(tinyStep[:2], " ") + " --preset=glyphs --backend=go "
	code, out, talk := call(t, tinyStep...)
	if code != exitDone || !strings.Contains(out, "command: "+commandLine) || !strings.Contains(out, "views glyphs in the step: ") || !strings.Contains(talk, "compiling") {
		t.Errorf("exit code %d, stdout %s, stderr %s, want a table", code, out, talk)
	}
	code, out, talk = call(t, append(tinyStep, "--format=bench")...)
	if n := strings.Count(out, "\nBenchmarkStep/arch=resnet10/batch=16/views="); code != exitDone || n != 4 || !strings.HasPrefix(out, "# "+commandLine) {
		t.Errorf("exit code %d, %d lines, stdout %s, stderr %s, want two steps of two kinds of views", code, n, out, talk)
	}
	code, out, talk = call(t, "bench", "data", "--images=16", "--batch=8", "--canvas=16", "--python=", "--format=json")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, talk)
	}
	var r bench.Report
	must.M(json.Unmarshal([]byte(out), &r))
	if len(r.Rows) < 4 || r.Versions["go"] == "" || !strings.HasPrefix(r.Command, "mocotpu bench data --images=16") {
		t.Errorf("report %+v", r)
	}
}

// What cannot be timed is refused by the flag, before anything is drawn or compiled.
func TestBenchUsage(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"step --backend=go --counts=1,2", "the go engine has one device"},
		{"step --backend=cpu --bn-groups=2 --counts=1,3", "divides --bn-groups (2)"},
		{"step --backend=cpu --counts=2,2", "--counts has 2, want numbers of devices above 0, each once"},
		{"step --counts=two", "--counts"},
		{"step --backend=go --repeat=0", "--repeat is 0"},
		{"step --backend=go --width=0", "--width is 0"},
		{"step --backend=go more", `unexpected argument "more"`},
		{"step --backend=go --format=tabel", `--format is "tabel", want one of table, bench, json; did you mean table?`},
		{"train --backend=go --repeat=-1", "--repeat is -1"},
		{"train --backend=go --train-images=10", "want at most the 10 training images"},
		{"peers --backend=go --limit=0s", "--limit is 0s"},
		{"peers --backend=go --limit=soon", "--limit"},
		{"peers --backend=go --bn-groups=3", "groups"},
		{"peers --backend=cuda --plugin=none.so", "none.so"},
		{"data --images=10", "--images is 10, want at least two batches of --batch (64)"},
		{"data --images=0", "--images is 0, want a number to draw, or --folder"},
		{"data --limit=0s", "--limit is 0s, want more than 0"},
	} {
		t.Run(fmt.Sprint(test.args), func(t *testing.T) {
			code, out, talk := call(t, append([]string{"bench"}, strings.Fields(test.args)...)...)
			if code != exitUsage || out != "" || !strings.Contains(talk, test.want) || strings.Contains(talk, "drawing") {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, nothing, %q", code, out, talk, exitUsage, test.want)
			}
		})
	}
}
