package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/pretrain"
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
	code = run(t.Context(), append(append([]string{}, tinyStep...), flags...), &out, &talk)
	return code, out.String(), talk.String()
}

// fakePython writes a program that stands in for Python and returns its path.
func fakePython(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// The table has a header that names machine, engine and command, and a row for each program.
func TestBenchStepTable(t *testing.T) {
	code, out, talk := runTiny(t, "--backend=go", "--python=")
	if code != exitDone {
		t.Fatalf("exit code %d, want %d: %s", code, exitDone, talk)
	}
	for _, want := range []string{
		"machine: " + cpuModel() + ", ", "engine go", "command: mocotpu bench step --", "--width=4",
		"mocotpu go  1        digits", "mocotpu go  1        plain", "PyTorch: left out (--python is empty)",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// On several of XLA's devices the step runs split, and the engine tells the memory it takes.
func TestBenchStepDevices(t *testing.T) {
	xlatest.CPU(t, 1) // skips where there is no plugin
	report := benchJSON(t, "--backend=cpu", "--counts=2", "--python=")
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

// PyTorch's best variant is what we are related to.
func TestBenchStepTorch(t *testing.T) {
	python := fakePython(t, `cat >/dev/null
case "$2" in *'"arch":"resnet10","width":4,'*'"batch":16,"queue":32,'*'"groups":2,"shuffle":true,'*) ;; *) exit 3 ;; esac
echo '{"torch":"9.9","torchvision":"8.8","variants":[{"name":"slow","loss":1,"ms":[4,8]},{"name":"fast","loss":1,"ms":[3,1,2]}]}'`)
	report := benchJSON(t, "--backend=go", "--python="+python)
	if len(report.Rows) != 4 {
		t.Fatalf("%d rows, want 4: %+v; torch: %+v", len(report.Rows), report.Rows, report.Torch)
	}
	slow, fast := report.Rows[2], report.Rows[3]
	if slow.MedianMS != 6 || slow.MinMS != 4 || fast.MedianMS != 2 || fast.MinMS != 1 || fast.ImagesPerSecond != 8000 {
		t.Errorf("torch's rows are %+v and %+v", slow, fast)
	}
	if want := report.Rows[1].ImagesPerSecond / 8000; report.Ratio != want || report.Rows[1].Views != "plain" {
		t.Errorf("ratio %v, want the plain row's %v", report.Ratio, want)
	}
	if report.Torch.Torch != "9.9" || report.Torch.Device != "cpu" || report.Torch.Missing != "" {
		t.Errorf("torch is %+v", report.Torch)
	}
}

// Without PyTorch, for whatever reason, the report says why and the command succeeds.
func TestBenchStepWithoutTorch(t *testing.T) {
	for _, test := range []struct{ name, python, want string }{
		{"no Python", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"no torch", fakePython(t, `echo '{"missing": "No module named torch"}'`), "No module named torch"},
		{"fails", fakePython(t, `echo Traceback >&2; echo 'OSError: no libc' >&2; exit 1`), "exit status 1: OSError: no libc"},
		{"no JSON", fakePython(t, `echo hello`), "hello"},
		{"no times", fakePython(t, `echo '{"torch": "9.9", "variants": [{"name": "fast"}]}'`), "no times of fast"},
	} {
		t.Run(test.name, func(t *testing.T) {
			step, err := pretrain.Glyphs().Step()
			if err != nil {
				t.Fatal(err)
			}
			config := pretrain.Glyphs()
			config.Engine.Backend = "go"
			report := newBenchReport(config)
			report.add(benchRow{Program: "mocotpu", Views: "plain", MedianMS: 1})
			var talk, table bytes.Buffer
			answer, err := benchTorch(t.Context(), report, step, benchOptions{repeat: 1, python: test.python}, &talk)
			if err != nil {
				t.Fatal(err)
			}
			report.addTorch(answer, step.Batch)
			if err := report.writeTable(&table); err != nil {
				t.Fatal(err)
			}
			if len(report.Rows) != 1 || report.Ratio != 0 {
				t.Errorf("rows %+v, ratio %v, want our row alone", report.Rows, report.Ratio)
			}
			line := lastLine(table.String())
			if !strings.HasPrefix(line, "PyTorch: left out (") || !strings.Contains(line, test.want) {
				t.Errorf("last line %q, want it to say %q", line, test.want)
			}
		})
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
		{[]string{"--backend=cpu", "--counts=1,3"}, "divides moco.groups (2)"},
		{[]string{"--backend=cpu", "--counts=2,2"}, "each once"},
		{[]string{"--counts=two"}, "--counts"},
		{[]string{"--backend=go", "--repeat=0"}, "--repeat 0"},
		{[]string{"--backend=go", "--width=0"}, "encoder.width is 0"},
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
		c := pretrain.Glyphs()
		c.MoCo.Batch, c.MoCo.Groups = 1152, test.groups
		c.Engine.Backend, c.Engine.Devices = test.backend, test.devices
		_, counts, err := benchCounts(c, nil)
		if got := fmt.Sprint(counts); err != nil || got != test.want {
			t.Errorf("%s, %d groups, %d devices: counts %s (%v), want %s", test.backend, test.groups, test.devices, got, err, test.want)
		}
	}
}

// Each way PyTorch runs the step gives the same first loss: they are one algorithm.
func TestTorchVariantsAgree(t *testing.T) {
	python := os.Getenv("MOCOTPU_TORCH_PYTHON")
	if python == "" {
		t.Skip("MOCOTPU_TORCH_PYTHON does not name a Python with torch and torchvision")
	}
	answer, err := runTorch(t.Context(), python, torchCase{
		Arch: "resnet10", Width: 8, Stem: "small", Head: "mlp", Dim: 16,
		Precision: "float32", ImageSize: 16, Batch: 16, Queue: 40, KeyMomentum: 0.9, Temperature: 0.2, Groups: 2,
		Shuffle: true, Symmetric: true, LR: 0.01, SGDMomentum: 0.9, WeightDecay: 1e-4, Device: "cpu", Threads: 1, Repeat: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Variants) != 3 {
		t.Errorf("%d variants, want 3", len(answer.Variants))
	}
	for _, v := range answer.Variants {
		if want := answer.Variants[0].Loss; !(math.Abs(v.Loss-want) <= 1e-4*want) {
			t.Errorf("%s: loss %v, want %v", v.Name, v.Loss, want)
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
