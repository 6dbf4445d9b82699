package plan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/nvidia"
)

var update = flag.Bool("update", false, "write the golden reports anew")

// recorded is a compilation of the preset glyphs-go with batch 192 for v3-8, from the store of
// `mocotpu compile --preset=glyphs-go --batch=192 --topology=v3-8`; of its program only the signature is left.
func recorded(t *testing.T) *Compilation { return load(t, "testdata/v3-8.json.gz") }

// recordedGPU is the same for h100x8, with --precision=bfloat16.
func recordedGPU(t *testing.T) *Compilation { return load(t, "testdata/h100x8.json.gz") }

func load(t *testing.T, path string) *Compilation {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	c := &Compilation{}
	if err := json.NewDecoder(text).Decode(c); err != nil {
		t.Fatal(err)
	}
	return c
}

func topology(t *testing.T, name string) tpu.Topology {
	t.Helper()
	found, err := tpu.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var glyphs = Program{Title: "glyphs-go: resnet10 of width 8 at 16 pixels, queue 1024", Batch: 192, Halves: []int{96, 48}, Groups: 8, Precision: "float32", Remat: "none"}

func planOf(t *testing.T, c *Compilation, target string, p Program) *Plan {
	t.Helper()
	made, err := makePlan(c, TPU(topology(t, target), 0), p)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// golden compares with a file of testdata, and leaves what it got beside it where they differ.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test ./tpu/plan -update writes it anew); got\n%s", name, got)
	}
}

// tooBig is what libtpu 0.0.52 said about moco-v1 with batch 4096 in float32 on v2-8.
const tooBig = "E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total memory required for HLO temporaries (24.87G) exceeds " +
	"available HBM (7.48G). HLO module: step_1.\nSee https://openxla.org/xla/errors/error_1000 for more details."

func failed(text string) *Compilation {
	c := &Compilation{Target: "v2:2x2x1/8", Compiler: "libtpu-0.0.52", Devices: 8, Seconds: 9, HostBytes: 9e8, Failure: text}
	c.Program = "func.func @main(%arg0: tensor<4096x256x256x3xui8>, %_query_fc_weight: tensor<128x2048xf32> {tf.aliasing_output = 0 : i32}, " +
		"%_queue: tensor<65536x128xf32> {tf.aliasing_output = 1 : i32}, %_queue_ptr: tensor<i32> {tf.aliasing_output = 2 : i32})"
	return c
}

// flags are a command's words for changes.
func flags(c Change) string { return "--" + strings.TrimSuffix(c.Setting+"="+c.Value, "=") }

func TestReports(t *testing.T) {
	fits := planOf(t, recorded(t), "v3-8", glyphs)
	big := glyphs
	big.Title, big.Batch, big.Halves = "moco-v1: resnet50 of width 64 at 224 pixels, queue 65536", 4096, []int{2048, 1024, 512}
	unfit := planOf(t, failed(tooBig), "v2-8", big)
	local, err := makePlan(recorded(t), Engine("cpu", 8), glyphs)
	if err != nil {
		t.Fatal(err)
	}
	half := glyphs
	half.Precision = "bfloat16"
	h100, err := nvidia.Lookup("h100x8")
	if err != nil {
		t.Fatal(err)
	}
	gpu, err := makePlan(recordedGPU(t), gpuTarget(h100, 0, half.Precision, 0), half)
	if err != nil {
		t.Fatal(err)
	}
	tiny := gpuTarget(h100, 0, half.Precision, 0)
	tiny.Name, tiny.Usable = "h100x8 with 1 MiB", 1<<20
	unfitGPU, err := makePlan(recordedGPU(t), tiny, half)
	if err != nil || unfitGPU.Fits {
		t.Fatalf("in 1 MiB: %v, fits", err)
	}
	exhausted := recorded(t)
	exhausted.Failure, exhausted.Seconds = "Out of memory while trying to allocate 21474836480 bytes.", 0
	ran, err := makePlan(exhausted, Engine("cuda", 8), glyphs)
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"gpu.txt":       func(b *bytes.Buffer) error { return gpu.WriteText(b, flags) },
		"unfit-gpu.txt": func(b *bytes.Buffer) error { return unfitGPU.WriteText(b, flags) },
		"fits.txt":      func(b *bytes.Buffer) error { return fits.WriteText(b, flags) },
		"unfit.txt":     func(b *bytes.Buffer) error { return unfit.WriteText(b, flags) },
		"ran.txt":       func(b *bytes.Buffer) error { return ran.WriteText(b, flags) },
		"local.txt":     func(b *bytes.Buffer) error { return local.WriteText(b, flags) },
		"table.txt":     func(b *bytes.Buffer) error { return WriteTable(b, []*Plan{fits, unfit, local, gpu, unfitGPU}) },
		"fits.json": func(b *bytes.Buffer) error {
			e := json.NewEncoder(b)
			e.SetIndent("", "  ")
			return e.Encode(fits)
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// The figures of the report are the compiler's and the table's of the TPU.
func TestOf(t *testing.T) {
	c := recorded(t)
	p := planOf(t, c, "v3-8", glyphs)
	if p.Memory != c.Memory || p.Target.Usable < 15<<30 || len(p.Largest) != largestShown {
		t.Errorf("memory %+v of %d, %d temporaries named", p.Memory, p.Target.Usable, len(p.Largest))
	}
	if want := c.Cost["bytes accessed"] / 450e9; p.Time.Memory != want || p.Time.Step != want || p.Time.Bound != BoundMemory {
		t.Errorf("time %+v, want %g s bound by memory", p.Time, want)
	}
	if want := 192 / p.Time.Step; p.Time.ImagesPerSecond != want {
		t.Errorf("%g img/s, want %g", p.Time.ImagesPerSecond, want)
	}
	for i, b := range p.Largest {
		if i > 0 && b.Bytes > p.Largest[i-1].Bytes {
			t.Errorf("temporaries are not in order: %+v", p.Largest)
		}
		if !strings.HasPrefix(b.Layer, "query.") || b.Padding < 1 {
			t.Errorf("temporary %+v, want one of the query encoder", b)
		}
	}
	if one := TPU(topology(t, "v2-8"), 1); one.chips() != 1 || one.Devices != 1 || one.exchange("all-reduce", 1e9) != 0 {
		t.Errorf("one core: %+v", one)
	}
}
