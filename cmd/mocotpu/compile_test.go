package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/hlo"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// compileCall runs compile on a small step, in an empty folder, with its compilations in cache.
func compileCall(t *testing.T, cache string, args string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv(programs.Variable, cache)
	t.Chdir(t.TempDir())
	return call(t, append([]string{"compile", "--preset=glyphs-go"}, strings.Fields(args)...)...)
}

// The command compiles for two TPUs, one of four hosts, and eight virtual devices of the CPU, reports, and does not compile a
// second time.
func TestCompileReports(t *testing.T) {
	xlatest.LibTPU(t)
	xlatest.CPU(t, 1) // or there is nothing to compare with
	cache := t.TempDir()
	code, table, stderr := compileCall(t, cache, "--topology=v3-32,v3-8 --per-device=8")
	if code != 0 || strings.Count(table, "\n") != 4 || strings.Count(table, "  yes ") != 2 || strings.Count(stderr, "compiling for") != 2 {
		t.Fatalf("exit code %d, stdout\n%s\nstderr %q, want a table of two", code, table, stderr)
	}
	if code, report, _ := compileCall(t, cache, "--backend=cpu --devices=8"); code != 0 || !strings.Contains(report, "for cpu: 8 devices, batch 64") {
		t.Fatalf("exit code %d, stdout\n%s\nwant a report", code, report)
	}
	kept, _ := filepath.Glob(filepath.Join(cache, "*.mocotpu-program"))
	if len(kept) != 3 {
		t.Fatalf("%d compilations kept, want 3: %q", len(kept), kept)
	}

	checkHosts(t, cache, table)

	code, report, _ := compileCall(t, cache, "--topology=v3-8")
	for _, part := range []string{
		"for v3-8: 8 devices, batch 64 = 8 a device, 8 BatchNorm groups", "  of them aliased ", "  fits: [", "query.conv1", "all-to-all  images",
		"all-reduce  gradients", "<- bounds it", "img/s", "earlier, by libtpu",
	} {
		if code != 0 || !strings.Contains(report, part) {
			t.Errorf("exit code %d, no %q in the report\n%s", code, part, report)
		}
	}

	code, text, _ := compileCall(t, cache, "--topology=v3-8 --json")
	var p plan.Plan
	if err := json.Unmarshal([]byte(text), &p); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v: %s", code, err, text)
	}
	if !p.Fits || !p.Stored || p.Memory.Peak <= 0 || p.Time.Bound == "" || p.Target.Name != "v3-8" || len(p.Collective) < 4 || p.HostBytes < 1<<20 {
		t.Errorf("plan %+v", p)
	}

	if code, text, _ := compileCall(t, cache, "--topology=v3-8 --emit=stablehlo"); code != 0 || !strings.Contains(text, `loc("query.conv1/convolution")`) {
		t.Errorf("exit code %d, %d bytes of StableHLO without the layers", code, len(text))
	}
	if code, text, _ := compileCall(t, cache, "--topology=v3-8 --emit=hlo"); code != 0 || !strings.Contains(text, ":T(8,128)") || !strings.Contains(text, "ENTRY %") {
		t.Errorf("exit code %d, %d bytes of HLO without a TPU's tiles", code, len(text))
	}
	code, text, _ = compileCall(t, cache, "--topology=v3-8 --emit=hlo --out=step.pb")
	data, err := os.ReadFile("step.pb")
	if code != 0 || text != "" || err != nil {
		t.Fatalf("exit code %d, stdout %q, %v", code, text, err)
	}
	if m, err := hlo.Read("hlo", data); err != nil || len(m.Collectives()) < 4 {
		t.Errorf("step.pb: %v", err)
	}
	if files, _ := os.ReadDir("."); len(files) != 1 {
		t.Errorf("--out left %v", files)
	}
	if code, _, stderr := compileCall(t, cache, "--topology=v3-8 --out=missing/report.txt"); code != 2 || !strings.Contains(stderr, "there is no folder missing") {
		t.Errorf("exit code %d, %q, want that the folder is missing", code, stderr)
	}
	if kept, _ := filepath.Glob(filepath.Join(cache, "*")); len(kept) != 3 {
		t.Errorf("%d files kept after asking again, want the same 3", len(kept))
	}
	var told strings.Builder
	if err := programs.WriteStatus(&told, true); err != nil || !strings.HasPrefix(told.String(), "3 compiled program(s) removed") {
		t.Errorf("doctor --clear-programs: %q, error %v, want the compilations gone, too", told.String(), err)
	}
}

// checkHosts looks at what is said of a slice of four hosts, in all three forms.
func checkHosts(t *testing.T, cache, table string) {
	t.Helper()
	const slice = "--topology=v3-32 --per-device=8"
	code, text, _ := compileCall(t, cache, slice+" --json")
	var p plan.Plan
	if err := json.Unmarshal([]byte(text), &p); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v: %s", code, err, text)
	}
	var between int64
	for _, c := range p.Collective {
		if between += c.Between; c.Purpose == "gradients" && c.Between != (2*3*c.Bytes+2)/4 { // all-reduce over 4 hosts
			t.Errorf("of %d bytes of gradients a host sends %d to others, want three halves of them", c.Bytes, c.Between)
		}
	}
	if !p.Stored || p.Target.Hosts != 4 || p.Target.PerHost != 8 || between == 0 {
		t.Errorf("plan %+v, want an earlier one for 4 hosts of 8 devices, with exchanges between them", p)
	}
	if r, all := p.Reading, p.Time.ImagesPerSecond; r == nil || r.Hosts != 4 || r.Images != all/4 || r.Bytes != all/4*3072 || r.Cores != 0 {
		t.Errorf("reading %+v of %g img/s, want a quarter in each host, of 3072 bytes, and nothing to decode", r, all)
	}
	_, report, _ := compileCall(t, cache, slice)
	for _, part := range []string{"32 devices in 4 hosts of 8", "between hosts, MiB", "sent by a host", "each of 4 hosts: "} {
		if !strings.Contains(report, part) {
			t.Errorf("no %q in the report\n%s", part, report)
		}
	}
	if rate := fmt.Sprintf(" %.0f ", p.Reading.Images); !strings.Contains(table, "reads img/s") || !strings.Contains(table, rate) {
		t.Errorf("no rate of %s in the table\n%s", rate, table)
	}
}

// unfit are flags of a step that no v2 core holds; libtpu says so in a second.
const unfit = "--topology=v2-8 --batch=524288 --queue=524288"

func TestCompileTooBig(t *testing.T) {
	xlatest.LibTPU(t)
	code, report, stderr := compileCall(t, t.TempDir(), unfit)
	if code != exitTooBig || !strings.Contains(stderr, "does not fit: v2-8") || strings.Contains(report+stderr, "goroutine") {
		t.Errorf("exit code %d, stderr %q, want %d and no stack", code, stderr, exitTooBig)
	}
	for _, part := range []string{"DOES NOT FIT", "and may use 7660", "what would make it fit", "--batch=16384"} {
		if !strings.Contains(report, part) {
			t.Errorf("no %q in the report\n%s", part, report)
		}
	}
}

func TestCompileWithoutLibTPU(t *testing.T) {
	for _, name := range []string{"MOCOTPU_HOME", "HOME"} {
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	code, stdout, stderr := compileCall(t, t.TempDir(), "--topology=v3-8")
	if code != 2 || stdout != "" || !strings.Contains(stderr, "run `mocotpu setup tpu`") {
		t.Errorf("exit code %d, stdout %q, stderr %q, want the command that gets libtpu", code, stdout, stderr)
	}
}

// What the compiler has no time for is stopped, and leaves nothing.
func TestCompileTimeLimit(t *testing.T) {
	xlatest.LibTPU(t)
	cache := t.TempDir()
	code, stdout, stderr := compileCall(t, cache, "--topology=v3-8 --time-limit=1s --width=64")
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "not done within 1s") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "*")); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// A run on a TPU is refused by its plan before any data is read; one that fits goes on.
func TestCheckPlan(t *testing.T) {
	xlatest.LibTPU(t)
	t.Setenv(programs.Variable, t.TempDir())
	const v2 = "libtpu-0.0.52 TFRT TPU v2 Built on Nov 5 2026"
	var talk bytes.Buffer
	c := run.GlyphsGo()
	c.MoCo.Batch, c.MoCo.Queue = 524288, 524288
	err := machine.CheckPlan(t.Context(), &talk, c, v2, 8)
	if !errors.Is(err, machine.ErrTooBig) || exitCode(t.Context(), err) != exitTooBig || !strings.Contains(talk.String(), "what would make it fit") {
		t.Errorf("got %v, talk %q, want the run refused with a report", err, talk.String())
	}
	talk.Reset()
	if err := machine.CheckPlan(t.Context(), &talk, run.GlyphsGo(), v2, 8); err != nil || !strings.Contains(talk.String(), "fits") {
		t.Errorf("got %v, talk %q, want that it fits", err, talk.String())
	}
	if err := machine.CheckPlan(t.Context(), &talk, c, "TPU v99", 8); err != nil || !strings.Contains(talk.String(), "is not checked") {
		t.Errorf("got %v, talk %q, want a note", err, talk.String())
	}
}

func TestWithoutTPU(t *testing.T) {
	other := errors.New("other")
	if withoutTPU(other) != other {
		t.Error("an error that has nothing to do with TPUs was changed")
	}
	if err := withoutTPU(&xla.Error{Op: "open tpu", Code: xla.NotFound}); exitCode(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), "--topology=v3-8") {
		t.Errorf("got %v", err)
	}
}

// GPUs are targets beside TPUs. --backend=cuda with GPUs is no target of its own: it says what the options of GPUs are for.
func TestCompileTargets(t *testing.T) {
	fraction := run.Glyphs()
	fraction.Engine.Backend, fraction.Engine.GPU.MemoryFraction = "cuda", 0.5
	for _, test := range []struct {
		name       string
		config     run.Config
		backend    bool
		topologies []string
		want       string
	}{
		{"both", run.Glyphs(), false, []string{"v3-8", "h100x8"}, "v3-8 8 tpu, h100x8 8 cuda"},
		{"beside the CPU", func() run.Config { c := run.Glyphs(); c.Engine.Backend = "cpu"; c.Engine.Devices = 8; return c }(), true, []string{"h100x8"}, "h100x8 8 cuda, cpu 8 cpu"},
		{"a part of the memory", fraction, true, []string{"h100"}, "h100 1 cuda"},
	} {
		targets, err := compileFlags{topologies: test.topologies}.targets(test.config, test.backend)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var got []string
		for _, one := range targets {
			got = append(got, fmt.Sprintf("%s %d %s", one.Name, one.config.Engine.Devices, one.config.Engine.Backend))
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: got %s, want %s", test.name, strings.Join(got, ", "), test.want)
		}
	}
	// What is wrong with a name or a number of GPUs is the user's: exit code 2, before anything is compiled.
	for args, want := range map[string]string{
		"--topology=v100x8":                    "CUDA 13",
		"--topology=h100x99":                   "1 to 16",
		"--topology=h100x3":                    "--per-device=",
		"--topology=h100x8 --precision=double": "precision",
		// the preset's engine has no plugin and no GPUs, and is not meant
		"--topology=h100 --plugin=nowhere/plugin.so":              "nowhere/plugin.so",
		"--topology=v3-8 --plugin=nowhere/libtpu.so":              "nowhere/libtpu.so",
		"--topology=h100 --gpu-memory-fraction=2":                 "--gpu-memory-fraction",
		"--topology=v3-8 --gpu-memory-fraction=0.5":               "leave the options of GPUs out",
		"--topology=h100 --backend=go --plugin=nowhere/plugin.so": "none for the go engine",
	} {
		if code, _, stderr := compileCall(t, t.TempDir(), args); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q, want %q", args, code, stderr, want)
		}
	}
}
