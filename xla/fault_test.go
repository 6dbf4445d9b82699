package xla_test

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/support/exceptions"
	"github.com/janpfeifer/must"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/setup"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// faulty opens an engine of eight devices of our plugin with a fault.
func faulty(t *testing.T, fault string) *xla.Engine {
	t.Helper()
	xlatest.CPU(t, 1) // skips where there is no plugin
	if p, err := setup.Find("cpu"); err == nil && !strings.Contains(p.Version, "onednn") {
		t.Skipf("the cpu plugin is %s, not ours: it has no faults", p.Version)
	}
	t.Setenv("MOCOTPU_CPU_FAULT", fault)
	return must.M1(xla.Open("cpu", xla.Options{Devices: 8}))
}

// total is a program over eight devices: the sum over all of x*x, times itself summed again, which takes two
// collective operations.
func total(t *testing.T, e *xla.Engine) func() (float32, error) {
	t.Helper()
	mesh := must.M1(distributed.NewDeviceMesh([]int{8}, []string{"data"}))
	split := must.M1(distributed.BuildSpec(mesh).S("data").Done())
	x := graph.MustNewExec(e, func(x *graph.Node) *graph.Node {
		first := graph.ReduceAllSum(graph.Mul(x, x))
		return graph.ReduceAllSum(graph.Mul(x, graph.AddScalar(graph.BroadcastToShape(first, x.Shape()), 1)))
	}).AutoSharding(mesh).WithInputShardingSpecs(split).WithOutputShardingSpecs(distributed.NewReplicatedShardingSpec(mesh))
	return func() (sum float32, err error) {
		var in []any
		for range 8 {
			in = append(in, tensors.FromValue([]float32{1, 2}))
		}
		err = exceptions.TryCatch[error](func() {
			out, err := x.Call(in...)
			if err != nil {
				panic(err)
			}
			sum = tensors.ToScalar[float32](out[0])
		})
		return sum, err
	}
}

const wantTotal = 24 * 41 // sum(x) * (sum(x*x) + 1)

// A device that fails ends the others' waiting: its error is there at once, with its number and the operation, and the
// engine goes on.
func TestDeviceFails(t *testing.T) {
	for _, test := range []struct {
		fault string
		want  []string
		code  xla.Code
	}{
		{"fail:device=5,operation=1", []string{"device 5 failed", "collective operation 1", "MOCOTPU_CPU_FAULT"}, xla.Internal},
		{"fail:device=0,operation=2", []string{"device 0 failed", "collective operation 2", "MOCOTPU_CPU_FAULT"}, xla.Internal},
		{"allocation:device=3", []string{"device 3 failed", "before its first collective operation"}, xla.ResourceExhausted},
	} {
		t.Run(test.fault, func(t *testing.T) {
			e := faulty(t, test.fault)
			defer e.Close()
			run := total(t, e)
			start := time.Now()
			_, err := run()
			var x *xla.Error
			if !errors.As(err, &x) || x.Code != test.code {
				t.Fatalf("got %v, want %s", err, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(x.Msg, want) {
					t.Errorf("got %q, want %q in it", x.Msg, want)
				}
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if n := xla.Stragglers(e); n != 0 {
				t.Errorf("%d devices still run", n)
			}
			for range 2 {
				if sum, err := run(); err != nil || sum != wantTotal {
					t.Errorf("after the failure: got %v, %v, want %v", sum, err, float32(wantTotal))
				}
			}
		})
	}
}

// A device that is late is waited for.
func TestDeviceLate(t *testing.T) {
	e := faulty(t, "late:device=5,operation=2,seconds=0.5")
	defer e.Close()
	if sum, err := total(t, e)(); err != nil || sum != wantTotal {
		t.Errorf("got %v, %v, want %v", sum, err, float32(wantTotal))
	}
}

// A device that never arrives is reported by number, with where the others wait; then the execution fails, the engine
// refuses more, and Close does not wait for it. In a process of its own: the limits are read once.
func TestDeviceNeverArrives(t *testing.T) {
	if !*child {
		faulty(t, "").Close()
		c := exec.Command(os.Args[0], "-test.run=^TestDeviceNeverArrives$", "-test.v", "-child")
		c.Env = append(os.Environ(), "XLA_FLAGS=--xla_cpu_collective_call_warn_stuck_timeout_seconds=1 "+
			"--xla_cpu_collective_call_terminate_timeout_seconds=3")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		for _, device := range []string{"5", "0"} {
			want := regexp.MustCompile(`(?m)^xla: no progress for \d s: program .*device ` + device + " has not arrived; devices ")
			if n := len(want.FindAll(out, -1)); n != 1 {
				t.Errorf("got\n%s\nwith %d of %s, want one", out, n, want)
			}
		}
		return
	}
	for _, fault := range []string{"never:device=5,operation=2", "never:device=0,operation=1"} {
		e := faulty(t, fault)
		run := total(t, e)
		_, err := run()
		device := fault[len("never:"):strings.Index(fault, ",")]
		number := strings.TrimPrefix(device, "device=")
		want := "device " + number + " has not arrived; devices "
		var x *xla.Error
		if !errors.As(err, &x) || x.Code != xla.DeadlineExceeded || !strings.Contains(x.Msg, want) || !strings.Contains(x.Msg, "at all-reduce") {
			t.Errorf("%s: got %v, want DEADLINE_EXCEEDED with %q", fault, err, want)
		}
		if n := xla.Stragglers(e); n != 1 {
			t.Errorf("%s: %d devices still run, want 1", fault, n)
		}
		if _, err := run(); err == nil || !strings.Contains(err.Error(), "an earlier program still runs") {
			t.Errorf("%s: the next execution: got %v, want that an earlier program still runs", fault, err)
		}
		start := time.Now()
		e.Close()
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s: Close took %v", fault, took)
		}
		// Another engine of the process works.
		t.Setenv("MOCOTPU_CPU_FAULT", "")
		other := must.M1(xla.Open("cpu", xla.Options{Devices: 8}))
		if sum, err := total(t, other)(); err != nil || sum != wantTotal {
			t.Errorf("%s: another engine: got %v, %v, want %v", fault, sum, err, float32(wantTotal))
		}
		other.Close()
	}
}

// Close returns while a step is stuck, before the step has been given up.
func TestCloseWhileStuck(t *testing.T) {
	if !*child {
		faulty(t, "").Close()
		c := exec.Command(os.Args[0], "-test.run=^TestCloseWhileStuck$", "-child")
		c.Env = append(os.Environ(), "XLA_FLAGS=--xla_cpu_collective_call_terminate_timeout_seconds=600")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	e := faulty(t, "never:device=2,operation=1")
	run := total(t, e)
	go func() { _, _ = run() }()
	for e.Compiled() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond) // the launch has begun, or is refused: Close must return in both cases
	start := time.Now()
	e.Close()
	if took := time.Since(start); took > time.Minute {
		t.Errorf("Close took %v", took)
	}
}

// Two engines at once, and two goroutines on one: every launch gets its own result.
func TestLaunchesDoNotMeet(t *testing.T) {
	xlatest.CPU(t, 1)
	var wg sync.WaitGroup
	for range 2 {
		e := must.M1(xla.Open("cpu", xla.Options{Devices: 8}))
		defer e.Close()
		for range 2 {
			run := total(t, e)
			wg.Go(func() {
				for range 20 {
					if sum, err := run(); err != nil || sum != wantTotal {
						t.Errorf("got %v, %v, want %v", sum, err, float32(wantTotal))
						return
					}
				}
			})
		}
	}
	wg.Wait()
}

// Memory that the host shares with a device outlives the devices that may read it.
func TestSharedMemoryOutlivesStragglers(t *testing.T) {
	if !*child {
		faulty(t, "").Close()
		c := exec.Command(os.Args[0], "-test.run=^TestSharedMemoryOutlivesStragglers$", "-child")
		c.Env = append(os.Environ(), "XLA_FLAGS=--xla_cpu_collective_call_terminate_timeout_seconds=2")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	e := faulty(t, "never:device=5,operation=1")
	shape := shapes.Make(dtypes.Float32, 1<<10)
	b, flat, err := e.NewSharedBuffer(compute.DeviceNum(5), shape)
	must.M(err)
	if _, err := total(t, e)(); err == nil {
		t.Fatal("no error")
	}
	must.M(b.Finalize())
	memory := flat.([]float32)
	for i := range memory {
		memory[i] = 1 // would fault or spoil the heap
	}
	other, second, err := e.NewSharedBuffer(compute.DeviceNum(5), shape)
	must.M(err)
	if &second.([]float32)[0] == &memory[0] {
		t.Error("the memory was given out again while a device may read it")
	}
	must.M(other.Finalize())
	e.Close()
}

// What is no fault is refused with what there is.
func TestBadFault(t *testing.T) {
	faulty(t, "").Close()
	for _, fault := range []string{"explode", "fail:device=x", "fail:device"} {
		t.Setenv("MOCOTPU_CPU_FAULT", fault)
		e, err := xla.Open("cpu", xla.Options{})
		if err == nil {
			e.Close()
		}
		var x *xla.Error
		if !errors.As(err, &x) || x.Code != xla.InvalidArgument || !strings.Contains(x.Msg, "want fail, late, never or allocation") {
			t.Errorf("%s: got %v, want INVALID_ARGUMENT with what there is", fault, err)
		}
	}
}
