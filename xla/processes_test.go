package xla_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/support/exceptions"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// exchanges is a program over all devices of an engine with sums that round, a gather and a permutation in it; it prints
// its result bit for bit.
func exchanges(t *testing.T, e *xla.Engine) string {
	t.Helper()
	const rows = 8
	n := e.NumDevices()
	mesh := must.M1(distributed.NewDeviceMesh([]int{n}, []string{"data"}))
	split := must.M1(distributed.BuildSpec(mesh).S("data").Done())
	whole := distributed.NewReplicatedShardingSpec(mesh)
	var assignment []compute.DeviceNum
	for place := range n {
		assignment = append(assignment, e.DeviceAt(place))
	}
	x := graph.MustNewExec(e, func(x *graph.Node) []*graph.Node {
		sums := graph.ReduceSum(graph.Sin(x), 0)
		turned := graph.Concatenate([]*graph.Node{graph.Slice(x, graph.AxisRange(3)), graph.Slice(x, graph.AxisRange(0, 3))}, 0)
		return []*graph.Node{sums, graph.ReduceSum(graph.Mul(turned, x), 1), graph.ReduceAllMax(x)}
	}).AutoSharding(mesh).WithInputShardingSpecs(split).WithOutputShardingSpecs(whole).WithDeviceAssignment(assignment)
	var in []any
	for place := range n {
		var part [][]float32
		for row := place * rows / n; row < (place+1)*rows/n; row++ {
			part = append(part, []float32{float32(row) / 3, 1 / float32(row+1), float32(row * row)})
		}
		in = append(in, tensors.FromValue(part))
	}
	out := must.M1(x.Call(in...))
	first, _ := e.LocalDevices()
	each := len(out) / n
	var text strings.Builder
	for _, t := range out[first*each : (first+1)*each] {
		fmt.Fprintf(&text, "%x ", tensors.MustCopyFlatData[float32](t))
	}
	return text.String()
}

// resultOf is what a process said of its result.
func resultOf(output string) string {
	for line := range strings.Lines(output) {
		if _, result, ok := strings.Cut(line, "result: "); ok {
			return strings.TrimSpace(result)
		}
	}
	return ""
}

// A program over processes gives the numbers of one process, bit for bit, however its devices are spread; and what runs on
// one device runs in each process by itself.
func testSpread(t *testing.T, processes, devices int) {
	outputs, parent := xlatest.Processes(t, processes, devices, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		if e.NumDevices() != processes*devices {
			t.Fatalf("%d devices, want those of all processes", e.NumDevices())
		}
		alone := graph.MustNewExec(e, func(x *graph.Node) *graph.Node { return graph.MulScalar(x, 2) })
		if out := must.M1(alone.Call(float32(m.Index() + 3))); out[0].Value() != float32(2*(m.Index()+3)) {
			t.Errorf("alone: %v", out[0])
		}
		fmt.Println("result:", exchanges(t, e))
	})
	if !parent {
		return
	}
	want := strings.TrimSpace(exchanges(t, xlatest.CPU(t, processes*devices)))
	for i, output := range outputs {
		if got := resultOf(output); got != want {
			t.Errorf("process %d of %d with %d device(s): %q, want one process's %q\n%s", i, processes, devices, got, want, output)
		}
	}
	if len(slices.Compact(strings.Fields(want))) < 3 {
		t.Errorf("nothing to compare: %q", want)
	}
}

func TestTwoProcesses(t *testing.T)             { testSpread(t, 2, 1) }
func TestFourProcesses(t *testing.T)            { testSpread(t, 4, 1) }
func TestTwoProcessesOfTwoDevices(t *testing.T) { testSpread(t, 2, 2) }

// TestOneProcessCompiles: of the processes of a run on one machine one compiles a program, and the others load it.
func TestOneProcessCompiles(t *testing.T) {
	if os.Getenv("MOCOTPU_TEST_PROCESS") == "" {
		t.Setenv(xlatest.KeptPrograms, filepath.Join(t.TempDir(), "programs"))
	}
	outputs, parent := xlatest.Processes(t, 4, 1, func(t *testing.T, e *xla.Engine, _ *rendezvous.Meeting) {
		exchanges(t, e)
		fmt.Println("result:", e.Compiled(), e.Loaded())
	})
	if !parent {
		return
	}
	compiled, loaded := 0, 0
	for _, output := range outputs {
		var c, l int
		if _, err := fmt.Sscan(resultOf(output), &c, &l); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		compiled, loaded = compiled+c, loaded+l
	}
	if compiled != 1 || loaded != 3 {
		t.Errorf("%d compiled and %d loaded in four processes, want 1 and 3", compiled, loaded)
	}
}

// A process that compiles another program than process 0 is told so, and does not wait for it.
func TestOtherProgramIsRefused(t *testing.T) {
	xlatest.Processes(t, 2, 1, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		mesh := must.M1(distributed.NewDeviceMesh([]int{2}, []string{"data"}))
		split := must.M1(distributed.BuildSpec(mesh).S("data").Done())
		x := graph.MustNewExec(e, func(x *graph.Node) *graph.Node {
			return graph.ReduceAllSum(graph.MulScalar(x, float64(m.Index()+1)))
		}).AutoSharding(mesh).WithInputShardingSpecs(split).WithOutputShardingSpecs(distributed.NewReplicatedShardingSpec(mesh)).
			WithDeviceAssignment([]compute.DeviceNum{e.DeviceAt(0), e.DeviceAt(1)})
		part := shapes.Make(dtypes.Float32, 1)
		err := exceptions.TryCatch[error](func() { must.M1(x.Compile(part, part)) })
		if m.Index() == 0 {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), "process 0 compiles another program in its place") {
			t.Errorf("error %v, want that process 0 compiles another program", err)
		}
	})
}
