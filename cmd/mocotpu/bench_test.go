package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// tinyStep are the flags of a step that takes a second on the go engine.
var tinyStep = []string{
	"bench", "step", "--preset=glyphs", "--width=4", "--batch=16", "--bn-groups=2", "--queue=32",
	"--repeat=2", "--views=digits", "--image-size=8",
}

// runTiny runs the tiny step with further flags.
func runTiny(t *testing.T, flags ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	code = execute(t.Context(), append(append([]string{}, tinyStep...), flags...), &out, &talk)
	return code, out.String(), talk.String()
}

// The table has a header that names machine, engine and command, and a row for each program.
func TestBenchStepTable(t *testing.T) {
	code, out, talk := runTiny(t, "--backend=go")
	if code != exitDone {
		t.Fatalf("exit code %d, want %d: %s", code, exitDone, talk)
	}
	for _, want := range []string{
		"machine: " + cpuModel() + ", ", "engine go", "command: mocotpu bench step --", "--width=4",
		"mocotpu go  1        digits", "mocotpu go  1        plain", "views digits in the step: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// On several of XLA's devices the step runs split, and the engine tells the memory it takes.
func TestBenchStepDevices(t *testing.T) {
	xlatest.CPU(t, 1) // skips where there is no plugin
	report := benchJSON(t, "--backend=cpu", "--counts=2")
	if len(report.Rows) != 2 || report.Rows[0].Views != "digits" || report.Rows[1].Views != "plain" {
		t.Fatalf("rows %+v, want one of digits views and one of plain views", report.Rows)
	}
	for _, row := range report.Rows {
		if row.Program != "mocotpu" || row.Variant != "cpu" || row.Devices != 2 || row.Overhead != 1 {
			t.Errorf("row %+v, want mocotpu on 2 devices of cpu, related to itself", row)
		}
		if row.MemoryBytes <= 0 || row.CompileSeconds <= 0 || row.MinMS <= 0 || row.MedianMS < row.MinMS || row.Loss <= 0 {
			t.Errorf("row %+v lacks figures", row)
		}
	}
}

// A further number of devices is related to the first one's step with the same views, plain views to no other row.
func TestBenchReportRelations(t *testing.T) {
	var r benchReport
	r.add(benchRow{Views: "glyphs", Devices: 1, MinMS: 10, MedianMS: 12})
	r.add(benchRow{Views: "plain", Devices: 1, MinMS: 7, MedianMS: 8})
	r.add(benchRow{Views: "glyphs", Devices: 8, MinMS: 14, MedianMS: 18})
	for i, want := range []float64{1, 1, 1.5} {
		if r.Rows[i].Overhead != want {
			t.Errorf("row %d has overhead %v, want %v", i, r.Rows[i].Overhead, want)
		}
	}
	if r.ViewsMS != 3 {
		t.Errorf("views cost %v ms, want 3", r.ViewsMS)
	}
}

// What cannot be timed is refused before anything is compiled.
func TestBenchStepUsage(t *testing.T) {
	for _, test := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--backend=go", "--counts=0"}, "--counts 0"},
		{[]string{"--backend=go", "--counts=-1"}, "--counts -1"},
		{[]string{"--backend=go", "--counts=1,2"}, "the go engine has one device"},
		{[]string{"--backend=cpu", "--counts=1,3"}, "divides --bn-groups (2)"},
		{[]string{"--backend=cpu", "--counts=2,2"}, "each once"},
		{[]string{"--counts=two"}, "--counts"},
		{[]string{"--backend=go", "--repeat=0"}, "--repeat 0"},
		{[]string{"--backend=go", "--width=0"}, "--width is 0"},
		{[]string{"--backend=go", "more"}, `unexpected argument "more"`},
	} {
		t.Run(fmt.Sprint(test.flags), func(t *testing.T) {
			code, out, talk := runTiny(t, test.flags...)
			if code != exitUsage || out != "" || !strings.Contains(talk, test.want) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, nothing, %q", code, out, talk, exitUsage, test.want)
			}
		})
	}
}

// The default counts are those the groups and the engine allow; --devices chooses one.
func TestBenchCounts(t *testing.T) {
	for _, test := range []struct {
		backend         string
		groups, devices int
		want            string
	}{
		{"cpu", 8, 0, "[1 8]"},
		{"cpu", 32, 0, "[1 8]"},
		{"cpu", 6, 0, "[1 6]"},
		{"cpu", 1, 0, "[1]"},
		{"cpu", 8, 4, "[4]"},
		{"go", 8, 0, "[1]"},
	} {
		c := run.Glyphs()
		c.MoCo.Batch, c.MoCo.Groups = 1152, test.groups
		c.Engine.Backend, c.Engine.Devices = test.backend, test.devices
		_, counts, err := benchCounts(c, nil, openHere)
		if got := fmt.Sprint(counts); err != nil || got != test.want {
			t.Errorf("%s, %d groups, %d devices: counts %s (%v), want %s", test.backend, test.groups, test.devices, got, err, test.want)
		}
	}
}

// benchJSON runs the tiny step with --json and decodes what it prints.
func benchJSON(t *testing.T, flags ...string) benchReport {
	t.Helper()
	code, out, talk := runTiny(t, append(flags, "--json")...)
	if code != exitDone {
		t.Fatalf("exit code %d, want %d: %s", code, exitDone, talk)
	}
	var report benchReport
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return report
}
