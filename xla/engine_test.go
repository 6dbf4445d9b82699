package xla_test

import (
	"errors"
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// An engine is a backend of GoMLX: results go back in as inputs, and one program is compiled for one shape.
func TestEngineIsABackend(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, e *xla.Engine) {
		before := xlatest.Programs(e)
		double := must.M1(NewExec(e, func(x *Node) *Node { return Add(x, x) }))
		x := tensors.FromValue([]float32{1, -2, 3})
		for range 3 {
			x = must.M1(double.Call(x))[0]
		}
		if got, want := x.Value().([]float32), []float32{8, -16, 24}; got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := xlatest.Programs(e) - before; got != 1 {
			t.Errorf("got %d programs, want 1", got)
		}
		must.M1(double.Call(tensors.FromValue([]float32{1})))
		if got := xlatest.Programs(e) - before; got != 2 {
			t.Errorf("got %d programs after a second shape, want 2", got)
		}
		if b := must.M1(x.Backend()); b != e {
			t.Errorf("a result's backend is %v, want the engine", b)
		}
		if e.EngineName() == "cpu" && !strings.Contains(e.PluginVersion(), "PJRT API 0.") {
			t.Errorf("plugin version %q", e.PluginVersion())
		}
	})
}

// Donated state shares its memory with the results, all of it, and the numbers of 4 steps are those without donation.
func TestDonation(t *testing.T) {
	for _, devices := range []int{1, 8} {
		e := xlatest.CPU(t, devices)
		var losses [2][]float32
		var states [2]string
		for i, donate := range []bool{false, true} {
			s := newStep(t, e, donate)
			p := program(t, e, func() {
				for seed := range 4 {
					losses[i] = append(losses[i], s.run(seed))
				}
			})
			states[i] = s.state()
			m := must.M1(p.Memory())
			marked, aliased := 0, int64(0)
			if donate {
				marked, aliased = 3, stateBytes
			}
			if p.Marked != marked || m.Aliased != aliased || xlatest.AliasedBytes(must.M1(p.Optimized())) != aliased || len(p.Ignored) > 0 {
				t.Errorf("%d devices, donate %v: %d marked, %d bytes aliased, ignored %q, want %d and %d",
					devices, donate, p.Marked, m.Aliased, p.Ignored, marked, aliased)
			}
			if m.Arguments < stateBytes || m.Outputs < stateBytes || m.Temporaries <= 0 || m.Peak < m.Arguments+m.Temporaries {
				t.Errorf("%d devices: memory %+v, want at least the state of %d bytes in and out, and a peak of the arguments and temporaries at least", devices, m, stateBytes)
			}
		}
		for k := range losses[0] {
			if losses[0][k] != losses[1][k] || losses[0][k] == 0 || math.IsNaN(float64(losses[0][k])) {
				t.Errorf("%d devices, step %d: loss %v undonated, %v donated", devices, k, losses[0][k], losses[1][k])
			}
		}
		if losses[0][3] == losses[0][0] {
			t.Errorf("the loss stays at %v", losses[0][0])
		}
		if states[0] != states[1] {
			t.Errorf("%d devices: the state differs with donation", devices)
		}
	}
}

// A donation applies to one program.
func TestDonateIsConsumed(t *testing.T) {
	e := xlatest.CPU(t, 1)
	x := tensors.FromValue([]float32{1})
	run := func(c float64) *xla.Program {
		return program(t, e, func() {
			must.M1(must.M1(NewExec(e, func(x *Node) *Node { return AddScalar(x, c) })).Call(must.M1(x.LocalClone())))
		})
	}
	e.Donate(map[int]int{0: 0})
	first, second := run(1), run(2)
	if first.Marked != 1 || second.Marked != 0 {
		t.Errorf("got %d and %d arguments marked, want 1 and 0", first.Marked, second.Marked)
	}
	if !strings.Contains(first.StableHLO(), "tf.aliasing_output = 0 : i32") || strings.Contains(second.StableHLO(), "aliasing") {
		t.Errorf("programs\n%s\n%s", first.StableHLO(), second.StableHLO())
	}
	// A marked argument whose buffer is not donated at run time is copied: the input keeps its value.
	input := must.M1(x.LocalClone())
	e.Donate(map[int]int{0: 0})
	add := must.M1(NewExec(e, func(x *Node) *Node { return AddScalar(x, 3) }))
	for range 2 {
		if got := must.M1(add.Call(input))[0].Value().([]float32)[0]; got != 4 {
			t.Errorf("got %v, want 4", got)
		}
	}
}

// Two engines of one plugin with different device counts work side by side, and one survives the other.
func TestTwoEngines(t *testing.T) {
	one := xlatest.CPU(t, 1)
	other := must.M1(xla.Open("cpu", xla.Options{Devices: 8}))
	a, b := newStep(t, one, true), newStep(t, other, true)
	for seed := range 2 {
		la, lb := a.run(seed), b.run(seed)
		if math.Abs(float64(la-lb)) > 1e-5*math.Abs(float64(la)) {
			t.Errorf("step %d: loss %v on 1 device, %v on 8", seed, la, lb)
		}
	}
	other.Close()
	a.run(2)
	if one.NumDevices() != 1 || other.NumDevices() != 8 {
		t.Errorf("got %d and %d devices", one.NumDevices(), other.NumDevices())
	}
}

// After Close everything made with the engine can still be dropped, in any order, and its use is an error.
func TestClose(t *testing.T) {
	xlatest.CPU(t, 1)
	for range 3 {
		e := must.M1(xla.Open("cpu", xla.Options{}))
		double := must.M1(NewExec(e, func(x *Node) *Node { return Add(x, x) }))
		out := must.M1(double.Call(tensors.FromValue([]float32{1, 2})))[0]
		dropped := must.M1(double.Call(tensors.FromValue([]float32{1, 2})))[0]
		_ = dropped
		p := e.Programs()[0]
		must.M1(p.Cost())
		loose := must.M1(e.BufferFromFlatData(0, []float32{1, 2}, out.Shape()))
		e.Close()
		e.Close()
		if _, err := loose.Shape(); !errors.Is(err, xla.ErrClosed) {
			t.Errorf("shape of a buffer: got %v, want ErrClosed", err)
		}
		if err := loose.Finalize(); err != nil {
			t.Errorf("finalize a buffer: %v", err)
		}
		if _, err := e.BufferFromFlatData(0, []float32{1, 2}, out.Shape()); !errors.Is(err, xla.ErrClosed) {
			t.Errorf("new buffer: got %v, want ErrClosed", err)
		}
		if _, err := e.Builder("late").Compile(); !errors.Is(err, xla.ErrClosed) {
			t.Errorf("compile: got %v, want ErrClosed", err)
		}
		if _, err := double.Call(tensors.FromValue([]float32{1, 2})); err == nil {
			t.Error("a program runs on a closed engine")
		}
		if _, err := must.M1(NewExec(e, func(x *Node) *Node { return Neg(x) })).Call(tensors.FromValue([]float32{1})); err == nil {
			t.Error("a program compiles on a closed engine")
		}
		if _, err := p.Memory(); !errors.Is(err, xla.ErrReleased) {
			t.Errorf("memory of a released program: got %v, want ErrReleased", err)
		}
		if _, err := p.Cost(); err != nil {
			t.Errorf("cost that was read before: %v", err)
		}
		if !e.IsFinalized() {
			t.Error("IsFinalized is false after Close")
		}
		if err := out.FinalizeAll(); err != nil {
			t.Errorf("finalize a tensor: %v", err)
		}
		double.Finalize()
		runtime.GC()
		runtime.GC()
	}
}

// An input of the CPU engine shares its memory with it: after Close it is refused rather than read from freed memory,
// and what was taken before stays.
func TestSharedMemoryAfterClose(t *testing.T) {
	xlatest.CPU(t, 1)
	e := must.M1(xla.Open("cpu", xla.Options{}))
	const n = 1 << 20
	x, y := tensors.FromValue(make([]float32, n)), tensors.FromValue(make([]float32, n))
	total := must.M1(NewExec(e, func(x *Node) *Node { return ReduceAllSum(x) }))
	must.M1(total.Call(x))
	must.M1(total.Call(y))
	if !x.IsShared() {
		t.Fatal("the input is not shared: this test shows nothing")
	}
	must.M(y.ToLocal())
	e.Close()
	if err := x.ConstFlatData(func(any) {}); err == nil {
		t.Error("a tensor of a closed engine can be read")
	}
	if got := y.Value().([]float32); len(got) != n {
		t.Errorf("got %d numbers, want %d", len(got), n)
	}
}

// Tensors and programs that nobody refers to are freed while the engine lives.
func TestCollected(t *testing.T) {
	e := must.M1(xla.Open("go", xla.Options{}))
	defer e.Close()
	func() {
		double := must.M1(NewExec(e, func(x *Node) *Node { return Add(x, x) }))
		must.M1(double.Call(tensors.FromValue([]float32{1, 2})))
	}()
	for range 100 {
		if xla.Owned(e) == 0 {
			return
		}
		runtime.GC()
		runtime.Gosched()
	}
	t.Errorf("%d buffers and programs are still owned", xla.Owned(e))
}

// Of many programs the newest stay readable.
func TestProgramsAreBounded(t *testing.T) {
	xlatest.CPU(t, 1)
	e := must.M1(xla.Open("cpu", xla.Options{}))
	defer e.Close()
	const n, kept = 5, 3
	xla.Keep(e, kept)
	neg := must.M1(NewExec(e, func(x *Node) *Node { return Neg(x) }))
	must.M1(neg.Call(tensors.FromValue([]float32{1})))
	first := e.Programs()[0]
	for i := range n - 1 {
		must.M1(neg.Call(tensors.FromValue(make([]float32, i+2))))
	}
	if got := len(e.Programs()); got != kept || e.Compiled() != n {
		t.Errorf("got %d programs of %d, want %d of %d", got, e.Compiled(), kept, n)
	}
	if _, err := first.Memory(); !errors.Is(err, xla.ErrReleased) {
		t.Errorf("the first program: got %v, want ErrReleased", err)
	}
	if _, err := e.Programs()[0].Memory(); err != nil {
		t.Error(err)
	}
	e.Release()
	if len(e.Programs()) != 0 {
		t.Error("Release left programs")
	}
}

// What the compiler or our table refuses arrives as an *Error with its code, through GoMLX.
func TestCompileErrors(t *testing.T) {
	e := xlatest.CPU(t, 1)
	for _, test := range []struct {
		name string
		run  func() error
		want string
	}{
		{"donate a parameter that is not there", func() error {
			e.Donate(map[int]int{5: 0})
			_, err := must.M1(NewExec(e, func(x *Node) *Node { return AddScalar(x, 11) })).Call(tensors.FromValue([]float32{1}))
			return err
		}, "parameter 5 is donated, the program has 1"},
		{"donate twice", func() error {
			e.Donate(map[int]int{0: 0, 1: 0})
			_, err := must.M1(NewExec(e, func(x, y *Node) *Node { return Add(x, y) })).Call(tensors.FromValue([]float32{1}), tensors.FromValue([]float32{1}))
			return err
		}, "both donated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.run()
			var x *xla.Error
			if !errors.As(err, &x) || x.Code != xla.InvalidArgument || !strings.Contains(x.Msg, test.want) {
				t.Errorf("got %v, want INVALID_ARGUMENT with %q", err, test.want)
			}
		})
	}
}

// A program for more devices than the engine has is refused before XLA, which would end the process, sees it.
func TestTooManyDevices(t *testing.T) {
	e := xlatest.CPU(t, 8)
	for partitions, want := range map[byte]string{8: "", 9: "for 9 devices, the engine has 8"} {
		err := xla.Admit(e, []byte{3<<3 | 2, 2, 5 << 3, partitions}) // executable_build_options { num_partitions }
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d partitions: got %v, want %q", partitions, err, want)
		}
	}
}

// Results are where their program ran, also when it ran elsewhere before.
func TestResultsKnowTheirPlace(t *testing.T) {
	e := xlatest.CPU(t, 8)
	x := tensors.FromValue([]float32{1, 2, 3})
	b := e.Builder("double")
	f := b.Main()
	p := must.M1(f.Parameter("x", x.Shape(), nil))
	must.M(f.Return([]compute.Value{must.M1(f.Add(p, p))}, nil))
	program := must.M1(b.Compile())
	defer program.Finalize()
	for _, device := range []compute.DeviceNum{0, 3, 3, 0} {
		in := must.M1(e.BufferFromFlatData(device, []float32{1, 2, 3}, x.Shape()))
		out := must.M1(program.Execute([]compute.Buffer{in}, nil, device))[0]
		shape, at := must.M1(out.Shape()), must.M1(out.DeviceNum())
		if at != device || !shape.Equal(x.Shape()) {
			t.Errorf("a result on device %d is %s on %d, want %s", device, shape, at, x.Shape())
		}
		copied := must.M1(out.CopyToDevice(5))
		if at := must.M1(copied.DeviceNum()); at != 5 {
			t.Errorf("a copy to device 5 is on %d", at)
		}
		shape.Dimensions[0] = 7 // the caller's
		if again := must.M1(out.Shape()); !again.Equal(x.Shape()) {
			t.Errorf("the shape became %s", again)
		}
	}
}

// A buffer of another engine is refused, not read as this one's.
func TestForeignBuffer(t *testing.T) {
	e := must.M1(xla.Open("go", xla.Options{}))
	defer e.Close()
	other := xlatest.Go(t)
	x := tensors.FromValue([]float32{1})
	in := must.M1(other.BufferFromFlatData(0, []float32{1}, x.Shape()))
	b := e.Builder("identity")
	f := b.Main()
	p := must.M1(f.Parameter("x", x.Shape(), nil))
	must.M(f.Return([]compute.Value{p}, nil))
	program := must.M1(b.Compile())
	if _, err := program.Execute([]compute.Buffer{in}, nil, 0); err == nil || !strings.Contains(err.Error(), "input 0") {
		t.Errorf("got %v, want an error about input 0", err)
	}
}

var child = flag.Bool("child", false, "open the cpu engine and say how it went (for TestUnknownFlag)")

// An unknown word in XLA_FLAGS is an error in a process that lives on; a known one works.
func TestUnknownFlag(t *testing.T) {
	if *child {
		before := os.Getenv("XLA_FLAGS")
		e, err := xla.Open("cpu", xla.Options{})
		if after := os.Getenv("XLA_FLAGS"); after != before {
			t.Errorf("Open left XLA_FLAGS=%s", after)
		}
		if err == nil {
			must.M1(must.M1(NewExec(e, func(x *Node) *Node { return Neg(x) })).Call(tensors.FromValue([]float32{1})))
		}
		os.Stdout.WriteString("CHILD " + strings.ReplaceAll(errorText(err), "\n", " ") + "\n")
		return
	}
	xlatest.CPU(t, 1)
	dump := t.TempDir()
	for flags, want := range map[string]string{
		"--xla_dump_to=" + dump + " --xla_dump_hlo_as_text=true": "CHILD ok",
		"--xla_no_such_flag=1": "CHILD xla: XLA_FLAGS: INVALID_ARGUMENT",
		"--xla_cpu_multi_thread_eigen=true --xla_dump_max_hlo_modules=3": "CHILD ok",
	} {
		c := exec.Command(os.Args[0], "-test.run=^TestUnknownFlag$", "-child")
		c.Env = append(os.Environ(), "XLA_FLAGS="+flags)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("XLA_FLAGS=%s: got %v\n%s\nwant %q", flags, err, out, want)
		}
	}
	options := must.M1(filepath.Glob(filepath.Join(dump, "*debug_options")))
	if len(options) == 0 {
		t.Fatal("--xla_dump_to was not heeded")
	}
	text := string(must.M1(os.ReadFile(options[0])))
	if want := "xla_cpu_collective_call_terminate_timeout_seconds: 60\n"; !strings.Contains(text, want) {
		t.Errorf("XLA's options lack %q:\n%s", want, text)
	}
}

func errorText(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}
