package bench

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/hlo"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Classes' least times add up to the step's: each instruction's is that of its operations or of its bytes, as often as it runs.
func TestRoofline(t *testing.T) {
	image, kernel := hlo.Shape{Dims: []int64{2, 8, 4, 3}}, hlo.Shape{Dims: []int64{3, 1, 3, 5}}
	values := map[int64]*hlo.Instruction{1: {Shape: image}, 2: {Shape: kernel}}
	conv := &hlo.Instruction{Opcode: "convolution", Operands: []int64{1, 2}, Conv: &hlo.ConvDims{
		InputSpatial: []int64{1, 2}, KernelSpatial: []int64{0, 1}, KernelInput: 2, KernelOutput: 3,
	}}
	m := &hlo.Module{Computations: []*hlo.Computation{
		{ID: 7, Instructions: []*hlo.Instruction{{Opcode: "parameter"}, {Opcode: "transpose"}}},
		{ID: 8, Instructions: []*hlo.Instruction{{Opcode: "parameter"}, {Opcode: "multiply"}}},
		{ID: 9, Instructions: []*hlo.Instruction{{Opcode: "fusion", Called: []int64{8}}, {Opcode: "reduce"}}},
	}}
	for want, w := range map[string]hlo.Work{
		"convolution 3x1 of 8x4, 3 to 5":      {Instruction: conv, Values: values},
		"copies":                              {Instruction: &hlo.Instruction{Opcode: "fusion", Called: []int64{7}}},
		"element by element":                  {Instruction: &hlo.Instruction{Opcode: "fusion", Called: []int64{8}}},
		"sums and maxima":                     {Instruction: &hlo.Instruction{Opcode: "call", Called: []int64{9}}},
		"products of matrices":                {Instruction: &hlo.Instruction{Opcode: "dot"}},
		"views":                               {Instruction: &hlo.Instruction{Opcode: "dot", OpName: "input/dot_general"}},
		"state: SGD, key encoder, statistics": {Instruction: &hlo.Instruction{Opcode: "add", Shape: hlo.Shape{Tuple: []hlo.Shape{{DType: "f32", Dims: []int64{3, 3, 8, 8}}, {DType: "f32", Dims: []int64{8}}}}}},
		"exchanges":                           {Instruction: &hlo.Instruction{Opcode: "all-reduce"}, Exchange: true},
	} {
		if got := classOf(m, w, map[string]bool{"[3 3 8 8]": true, "[8]": true, "[]": true}); got != want {
			t.Errorf("class %q, want %q", got, want)
		}
	}
	r := newReport(nil)
	step := Row{Name: "Step", Labels: []Label{label("precision", "float32")}, Samples: []float64{8e9}, Images: 4}
	work := func(flops, bytes, times float64) hlo.Work {
		return hlo.Work{Instruction: &hlo.Instruction{}, Cost: hlo.Cost{Flops: flops, Bytes: bytes}, Times: times}
	}
	r.roofline(step, []class{
		{"a", []hlo.Work{work(100, 1, 1), work(10, 100, 2)}}, // 1 s, and twice 2 s
		{"b", []hlo.Work{work(0, 50, 1)}},                    // 1 s
	}, peaks{flops: 100, bytes: 50}, nil)
	share, ideal := 0.0, 0.0
	for _, row := range r.Rows[1:] {
		share += row.Values[shareUnit]
		ideal += row.Values[idealUnit]
	}
	if math.Abs(share-100) > 1e-9 || ideal != 6e9 || r.Rows[0].Values[idealUnit] != ideal || r.Rows[1].Values[idealUnit] != 5e9 {
		t.Errorf("rows %+v, want shares of 100 %% and 5 and 1 of 6 seconds", r.Rows)
	}
	if want := "the step reaches 75% of what its work takes at the peaks: 6000.0 of 8000.0 ms"; r.Notes[0] != want {
		t.Errorf("note %q, want %q", r.Notes[0], want)
	}
}

// With the times of a trace, the classes' shares are of the step's time, and what is left is said to be outside the program.
func TestRooflineTimes(t *testing.T) {
	r := newReport(nil)
	step := Row{Name: "Step", Samples: []float64{10e9}, Images: 4}
	none := &hlo.Instruction{}
	r.roofline(step, []class{{"a", []hlo.Work{{Instruction: none, Cost: hlo.Cost{Flops: 300}, Times: 1}}}, {"b", []hlo.Work{{Instruction: none, Cost: hlo.Cost{Bytes: 50}, Times: 1}}}},
		peaks{flops: 100, bytes: 50}, map[string]time.Duration{"a": 6 * time.Second, nothing: time.Second})
	for what, want := range map[string][3]float64{"a": {6e9, 50, 60}, "b": {0, 0, 0}, nothing: {1e9, 0, 10}, outside: {3e9, 0, 30}} {
		at := slices.IndexFunc(r.Rows, func(row Row) bool { return row.label("what") == what })
		if at < 0 {
			t.Fatalf("no row of %q in %+v", what, r.Rows)
		}
		if got := [3]float64{r.Rows[at].ns(), r.Rows[at].Values[reachedUnit], r.Rows[at].Values[shareUnit]}; got != want {
			t.Errorf("%s: time, reached and share %v, want %v", what, got, want)
		}
	}
}

// A kernel's gradient is told from a convolution by what it gives: fewer pixels than its window has.
func TestKindsOfConvolutions(t *testing.T) {
	for want, sides := range map[string][2]int64{severalPixels: {3, 8}, onePixel: {1, 8}, kernelGradients: {8, 3}} {
		values := map[int64]*hlo.Instruction{1: {}, 2: {Shape: hlo.Shape{Dims: []int64{sides[0], sides[0], 4, 4}}}}
		conv := &hlo.Instruction{
			Opcode: "convolution", Operands: []int64{1, 2}, Shape: hlo.Shape{Dims: []int64{2, sides[1], sides[1], 4}},
			Conv: &hlo.ConvDims{KernelSpatial: []int64{0, 1}, OutputSpatial: []int64{1, 2}},
		}
		c := class{"c", []hlo.Work{{Instruction: conv, Values: values, Cost: hlo.Cost{Flops: 100}, Times: 1}}}
		if got := kindOf(c); got != want {
			t.Errorf("a window of %d that gives %d: %q, want %q", sides[0], sides[1], got, want)
		}
		r := newReport(nil)
		r.roofline(Row{Samples: []float64{10e9}}, []class{c, {"other", []hlo.Work{{Instruction: &hlo.Instruction{}, Times: 1}}}},
			peaks{flops: 100, bytes: 1}, map[string]time.Duration{"c": 4 * time.Second})
		if sum := want + " in sum: 4000.0 ms, 40.0% of the step, 1000.0 ms at the peaks: 25% reached"; r.Notes[0] != sum {
			t.Errorf("note %q, want %q", r.Notes[0], sum)
		}
	}
}

// Operations side by side share the time, and one that holds others only says how long the run is. The times add up to a run's.
func TestTimesOf(t *testing.T) {
	span := func(run, op string, start, end time.Duration) xla.Span {
		return xla.Span{Module: "step", Op: op, Run: run, Start: start, End: end}
	}
	spans := []xla.Span{
		span("1", "conv", 0, 1000), // warms up
		span("2", "conv", 2000, 2600), span("2", "add.1", 2200, 2400), span("2", "add.2", 2200, 2400), span("2", "while", 2700, 2900), span("2", "add.1", 2750, 2850),
		{Module: "another", Op: "conv", Run: "3", Start: 2600, End: 2700},
		span("4", "conv", 3000, 3100),
	}
	class := map[string]string{"conv": "convolution", "add.1": "sums", "add.2": "sums"}
	got := timesOf(spans, "step", class)
	// conv alone 400, a third of 200, in the last run 100; sums two thirds of 200, and 100 in the loop; 200 between; by two runs.
	want := map[string]time.Duration{"convolution": (400 + 66 + 100) / 2, "sums": (133 + 100) / 2, nothing: (100 + 50 + 50) / 2}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := timesOf(spans[:1], "step", class); got != nil {
		t.Errorf("of the run that warms up: %v, want nothing", got)
	}
}

// The convolution's operations are those that its program does: a window at the border sees less.
func TestPeaks(t *testing.T) {
	for _, p := range peakPrograms(dtypes.Float32) {
		if want := map[string]float64{
			"product of matrices": 2 * 1024 * 1024 * 1024, "convolution": 2 * 16 * 128 * 128 * 94 * 94, "sum of arrays": 0,
		}[p.name]; p.flops != want || (p.bytes > 0) != (p.flops == 0) {
			t.Errorf("%s: %g operations and %g bytes, want %g operations", p.name, p.flops, p.bytes, want)
		}
	}
	sum := peakPrograms(dtypes.Float32)[2]
	sum.shapes = [2][]int{{64}, {64}}
	e := must.M1(testEngines.Open(tiny("go")))
	defer e.Close()
	if took := must.M1(sum.fastest(t.Context(), e, dtypes.Float32)); took <= 0 {
		t.Errorf("a sum took %v", took)
	}
}

func TestRooflineRefuses(t *testing.T) {
	several, uncompiled := tiny("cpu"), tiny("go")
	several.Engine.Devices = 2
	for want, c := range map[string]func() error{
		"bench.devices is 2":  func() error { _, err := Roofline(t.Context(), several, testOptions(t)); return err },
		"bench.backend is go": func() error { _, err := Roofline(t.Context(), uncompiled, testOptions(t)); return err },
	} {
		if err := c(); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
