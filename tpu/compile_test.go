package tpu_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// childLimit is how long a compilation of the small step may take; it takes 7 seconds on an idle core.
const childLimit = 4 * time.Minute

// TestMain lets the test binary be the child that compiles: a fault in libtpu ends its process.
func TestMain(m *testing.M) {
	if plan.Serve(buildSmall) {
		return
	}
	os.Exit(m.Run())
}

// smallStep is a step with everything in it: augmentation, shuffle, both encoders, queue. No layer has 192 or 24 channels,
// so those numbers are images wherever they stand.
func smallStep() (run.Config, moco.Step) {
	c := run.GlyphsGo()
	c.MoCo.Batch = 192
	return c, c.Step()
}

// buildSmall compiles the small step. A number as the source says that it has several groups on each device, which come in so
// many micro-batches.
func buildSmall(e *xla.Engine, source []byte) error {
	_, definition := smallStep()
	if micro, err := strconv.Atoi(string(source)); err == nil {
		definition.Batch, definition.Queue, definition.Groups, definition.Micro, definition.ImageSize = 4096, 4096, 32, micro, 32
	}
	s, err := step.Compiled(e, e.NumDevices(), definition, 0, 32, 3)
	if err != nil {
		return err
	}
	s.Close()
	return nil
}

// inChild compiles the small step in a child process.
func inChild(t *testing.T, name string) *plan.Compilation {
	t.Helper()
	c, _, err := plan.InChild(t.Context(), plan.Request{Topology: name, Program: plan.Program{Batch: 192}, Source: []byte("null"), Save: true}, nil, childLimit)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return c
}

// Two processes compile the step for two TPUs at once. Each program has the collectives of the CPU's, on all eight
// devices; every convolution runs on a device's own images; the state is written where it was. Both programs can be saved.
func TestCompileForTwoTopologies(t *testing.T) {
	xlatest.LibTPU(t)
	names := []string{"v2-8", "v3-8"}
	compiled := make([]*plan.Compilation, len(names))
	var both sync.WaitGroup
	for i, name := range names {
		both.Go(func() { compiled[i] = inChild(t, name) })
	}
	both.Wait()
	if t.Failed() {
		return
	}
	if compiled[0].Program != compiled[1].Program {
		t.Error("two builds of one step gave two program texts")
	}
	for i, c := range compiled {
		t.Run(names[i], func(t *testing.T) { checkSmall(t, c) })
	}
}

func checkSmall(t *testing.T, c *plan.Compilation) {
	if !c.Fits() || c.Devices != 8 || c.Cost["flops"] <= 0 || c.Memory.Peak <= 0 {
		t.Errorf("%s, %d devices, %g flops, memory %+v", c.Failure, c.Devices, c.Cost["flops"], c.Memory)
	}
	file := filepath.Join(t.TempDir(), "step.mocotpu")
	if err := os.WriteFile(file, c.Saved, 0o600); err != nil {
		t.Fatal(err)
	}
	if saved, err := programs.OpenSaved(file); err != nil || saved.Name != "step" || len(c.Saved) < 1<<20 {
		t.Errorf("saved for a TPU: %d bytes, %v", len(c.Saved), err)
	}
	m, err := c.Module()
	if err != nil {
		t.Fatal(err)
	}
	config, step := smallStep()
	batch := int64(config.MoCo.Batch)
	type exchange struct {
		op, purpose string
		bytes       int64
	}
	var got []exchange
	for _, c := range m.Collectives() {
		if len(c.Groups) != 1 || !slices.Equal(c.Groups[0], []int64{0, 1, 2, 3, 4, 5, 6, 7}) {
			t.Errorf("%s in groups %v, want all eight", c.Op, c.Groups)
		}
		got = append(got, exchange{c.Op, plan.Purpose(c), c.Bytes})
	}
	var parameters int64
	for _, p := range step.Encoder.Params() {
		if !p.Buffer {
			parameters += int64(shapes.Make(dtypes.Float32, p.Dims...).ByteSize())
		}
	}
	for _, want := range []exchange{
		{"all-to-all", "images", batch / 8 * 32 * 32 * 3},
		{"all-to-all", "features", batch / 8 * 128 * 4},
		{"all-gather", "keys", batch * 128 * 4},
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %v among %v", want, got)
		}
	}
	if len(got) != 4 || got[slices.IndexFunc(got, func(e exchange) bool { return e.op == "all-reduce" })].bytes < parameters {
		t.Errorf("exchanges %v, want three and one all-reduce of all gradients (%d bytes)", got, parameters)
	}
	own := 0
	for _, conv := range xlatest.Convolutions(m) {
		if conv.Batch == batch {
			t.Errorf("%s (%s) runs on all %d images on every device: %s", conv.Name, conv.OpName, batch, conv.InputShape)
		}
		if conv.Batch == batch/8 {
			own++
		}
	}
	if own < 2*12 {
		t.Errorf("%d convolutions on a device's %d images, want at least both encoders' 12", own, batch/8)
	}
	store := model.NewStore()
	if err := moco.Init(store, step, 0); err != nil {
		t.Fatal(err)
	}
	if c.Memory.Aliased < store.ByteSize() || c.Memory.Outputs-c.Memory.Aliased > 4096 {
		t.Errorf("%d bytes of the outputs' %d are aliased, want the state's %d", c.Memory.Aliased, c.Memory.Outputs, store.ByteSize())
	}
	// The counter that stands in for a compiler without cost analysis agrees with this compiler's.
	counted := m.Cost()
	if flops, bytes := counted.Flops/c.Cost["flops"], counted.Bytes/c.Cost["bytes accessed"]; math.Abs(flops-1) > 0.01 || math.Abs(bytes-1) > 0.02 {
		t.Errorf("counted %+v, which is %.3f and %.3f of libtpu's", counted, flops, bytes)
	}
	live, total := m.Temporaries()
	if ratio := float64(total) / float64(c.Memory.Temporaries); ratio < 0.5 || ratio > 1.1 {
		t.Errorf("temporaries by lifetimes %d, by the compiler %d", total, c.Memory.Temporaries)
	}
	if !strings.HasPrefix(live[0].OpName, "query.") && !strings.HasPrefix(live[0].OpName, "backward/query.") {
		t.Errorf("the largest temporary comes from %q, want a layer of the query encoder", live[0].OpName)
	}
}

// What does not fit is told in a second, and what needs a device is not there.
func TestNoHardware(t *testing.T) {
	xlatest.LibTPU(t)
	topology, err := tpu.Lookup("v2-8")
	if err != nil {
		t.Fatal(err)
	}
	e, err := tpu.Open(topology, xla.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	product := func(rows int) func() error {
		return func() error {
			exec, err := NewExec(e, func(x *Node) *Node { return ReduceAllSum(Dot(x, x).General([]int{1}, nil, []int{1}, nil)) })
			if err != nil {
				return err
			}
			_, err = exec.Compile(shapes.Make(dtypes.Float32, rows, 65536))
			return err
		}
	}
	c, err := plan.Compile(e, "v2:2x2x1", nil, product(1<<19)) // the argument alone takes 128 GiB
	if err != nil || c.Fits() || !strings.Contains(c.Failure, "Hbm") {
		t.Errorf("got %+v, %v, want that it does not fit", c, err)
	}
	small, err := plan.Compile(e, "v2:2x2x1", nil, product(16))
	if err != nil || !small.Fits() || small.Memory.Arguments < 16*65536*4 {
		t.Errorf("after the failure: %+v, %v", small, err)
	}
	xlatest.NoDevice(t, e)
}
