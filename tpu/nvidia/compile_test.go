package nvidia_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/tpu/nvidia"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

var update = flag.Bool("update", false, "write the digests of compiled steps anew")

// childLimit is how long a compilation may take; the longest takes 90 seconds of an idle core.
const childLimit = 10 * time.Minute

// TestMain lets the test binary be the child that compiles.
func TestMain(m *testing.M) {
	if plan.Serve(build) {
		return
	}
	os.Exit(m.Run())
}

// build compiles the step of a configuration.
func build(e *xla.Engine, source []byte) error {
	var c run.Config
	if err := json.Unmarshal(source, &c); err != nil {
		return err
	}
	side, channels := c.Data.Image()
	s, err := step.Compiled(e, e.NumDevices(), c.Step(), 0, side, channels)
	if err != nil {
		return err
	}
	s.Close()
	return nil
}

// compiled compiles a configuration's step for a topology, in a child process.
func compiled(t *testing.T, c run.Config, topology string) *plan.Plan {
	t.Helper()
	source, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := plan.InChild(t.Context(), plan.Request{
		Topology: topology, Source: source, Options: xla.Options{TF32: c.Encoder.Precision != "float32"},
		Program: plan.Program{Batch: c.MoCo.Batch, Groups: c.MoCo.Groups, Precision: c.Encoder.Precision, Remat: c.Encoder.Remat},
	}, nil, childLimit)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// digest is what matters of a compiled step, in figures that are the same wherever the compiler runs.
func digest(p *plan.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d devices, fits %t, %d donated arguments\n", p.Target.Devices, p.Fits, p.Donated)
	fmt.Fprintf(&b, "MiB: arguments %.1f, aliased %.1f, temporaries %.1f, peak %.1f\n", mib(p.Memory.Arguments), mib(p.Memory.Aliased),
		mib(p.Memory.Temporaries), mib(p.Memory.Peak))
	fmt.Fprintf(&b, "%.3f GFLOP, %.3f GB\n", p.Time.Flops/1e9, p.Time.Bytes/1e9)
	for _, c := range p.Collective {
		fmt.Fprintf(&b, "%s of %s: %d, %d bytes, %s\n", c.Op, c.Purpose, c.Count, c.Bytes, c.Groups)
	}
	k := p.Kernels
	fmt.Fprintf(&b, "%d kernels, %d shorter than a launch, %d CUDA graphs, %d launches\n", k.Count, k.Short, k.Graphs, k.Launches)
	for _, c := range k.Convolutions {
		fmt.Fprintf(&b, "%d convolutions, %s: %s, %s\n", c.Count, c.Pass, c.Axes, c.Types)
	}
	fmt.Fprintf(&b, "%d moves, %.3f GB; of arguments %d, %.3f GB\n", k.Moves.Count, k.Moves.Bytes/1e9, k.ArgumentMoves.Count, k.ArgumentMoves.Bytes/1e9)
	for _, s := range k.BFloat16 {
		fmt.Fprintf(&b, "sums in bfloat16: %d %s, %.0f bytes\n", s.Count, s.Name, s.Bytes)
	}
	return b.String()
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// check compares with a digest of testdata.
func check(t *testing.T, name string, p *plan.Plan) {
	t.Helper()
	path, got := filepath.Join("testdata", name), digest(p)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -tags slow ./tpu/nvidia -run Compile -update writes it anew); got\n%s\nwant\n%s", name, got, want)
	}
}

// The step of glyphs in float32 compiles for eight H100s: kernels, convolutions, exchanges and memory are as recorded.
// TestSlowCompile has the others.
func TestCompile(t *testing.T) { asRecorded(t, "glyphs", "h100x8") }

// asRecorded compiles a preset's step beside others, ResNet-18's in bfloat16.
func asRecorded(t *testing.T, preset, topology string) {
	xlatest.CUDACompiler(t)
	t.Run(preset+"-"+topology, func(t *testing.T) {
		t.Parallel()
		c, err := run.Preset(preset)
		if err != nil {
			t.Fatal(err)
		}
		if preset == "cifar10" {
			c.Encoder.Precision = "bfloat16"
		}
		p := compiled(t, c, topology)
		check(t, preset+"-"+topology+".txt", p)
		if len(p.Kernels.BFloat16) > 0 {
			t.Errorf("sums in bfloat16: %+v, want those of gradients over GPUs in float32", p.Kernels.BFloat16)
		}
	})
}

// What needs a GPU is not there, and says so; a program is compiled and read.
func TestNoHardware(t *testing.T) {
	xlatest.CUDACompiler(t)
	g, err := nvidia.Lookup("l4x2")
	if err != nil {
		t.Fatal(err)
	}
	e, err := nvidia.Open(g, xla.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.NumDevices() != 2 || e.EngineName() != "cuda" {
		t.Errorf("%d devices of %s, want 2 of cuda", e.NumDevices(), e.EngineName())
	}
	exec, err := NewExec(e, func(x *Node) *Node { return Dot(x, x).Product() })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.Compile(shapes.Make(dtypes.Float32, 64, 64)); err != nil {
		t.Fatal(err)
	}
	m, err := e.Programs()[0].Optimized()
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Cost().Flops; got != 2*64*64*64 {
		t.Errorf("%g operations, want those of a product of 64 x 64", got)
	}
	xlatest.NoDevice(t, e)
}
