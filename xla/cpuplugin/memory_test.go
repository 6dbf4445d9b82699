package cpuplugin_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/gomlx/go-xla/pjrt"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// A large array takes the memory of one that is gone: the system does not clear the same pages at every step.
func TestLargeArraysReuseMemory(t *testing.T) {
	const elements, page = 8 << 20, 4096 // 32 MB
	if p, err := setup.Find("cpu"); err == nil && !strings.Contains(p.Version, "onednn") {
		t.Skipf("the cpu plugin is %s, not ours", p.Version)
	}
	client := newClient(t, 1)
	exe := compile(t, client, 0, strings.ReplaceAll(double, "4xf32", "8388608xf32"))
	in := make([]float32, elements)
	for i := range in {
		in[i] = float32(i)
	}
	x := fromHost(t, client, 0, in, elements)
	out := make([]float32, elements)
	execute := func() (faults int64) {
		before := minorFaults(t)
		y, err := exe.Execute(x).OnDeviceByNum(0).Done()
		if err != nil {
			t.Fatal(err)
		}
		if err := y[0].ToHost(unsafe.Slice((*byte)(unsafe.Pointer(&out[0])), 4*elements)); err != nil {
			t.Fatal(err)
		}
		faults = minorFaults(t) - before
		if !slices.Equal(out[:3], []float32{0, 2, 4}) || out[elements-1] != 2*(elements-1) {
			t.Errorf("got %v ... %v", out[:3], out[elements-1])
		}
		if err := y[0].Destroy(); err != nil {
			t.Fatal(err)
		}
		return faults
	}
	execute()
	execute()
	if faults := execute(); faults > elements*4/page/10 {
		t.Errorf("the third execution touched %d fresh pages, its output has %d", faults, elements*4/page)
	}
}

// Whoever wants a very large block while the last one of its size is about to be given back takes that, instead of making a
// second one.
func TestVeryLargeBlockIsAwaited(t *testing.T) {
	const elements, mb = 32 << 20, 128
	if p, err := setup.Find("cpu"); err == nil && !strings.Contains(p.Version, "onednn") {
		t.Skipf("the cpu plugin is %s, not ours", p.Version)
	}
	client := newClient(t, 1)
	exe := compile(t, client, 0, strings.ReplaceAll(double, "4xf32", fmt.Sprintf("%dxf32", elements)))
	x := fromHost(t, client, 0, make([]float32, elements), elements)
	out := make([]byte, 4*elements)
	execute := func() *pjrt.Buffer {
		y, err := exe.Execute(x).OnDeviceByNum(0).Done()
		if err != nil {
			t.Fatal(err)
		}
		if err := y[0].ToHost(out); err != nil {
			t.Fatal(err)
		}
		return y[0]
	}
	y := execute()
	if err := y.Destroy(); err != nil {
		t.Fatal(err)
	}
	y = execute()
	debug.FreeOSMemory()
	before := residentMB(t)
	gone := make(chan error)
	go func(y *pjrt.Buffer) {
		time.Sleep(20 * time.Millisecond) // the other begins meanwhile; if it does not, it finds the block
		gone <- y.Destroy()
	}(y)
	z := execute()
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
	if more := residentMB(t) - before; more > mb/2 {
		t.Errorf("%d MB more, want the block of %d MB that was given back", more, mb)
	}
	if err := z.Destroy(); err != nil {
		t.Fatal(err)
	}
}

func minorFaults(t *testing.T) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Minflt
}

const (
	// smallMemory is the environment of the child in which little memory may be kept.
	smallMemory = "MOCOTPU_MEMORY=67108864"
	// keptVariable has TestKeptMemory print, in the child, what it measures.
	keptVariable = "MOCOTPU_TEST_KEPT"
)

// TestKeptMemory has blocks kept for the next execution, no more of them than MOCOTPU_MEMORY allows, and none once the
// client is destroyed. The process is a child: the variable is read once, and other tests hold memory.
func TestKeptMemory(t *testing.T) {
	if os.Getenv(keptVariable) != "" {
		fmt.Printf("kept %d %d\n", keptMemory(t)...)
		return
	}
	newClient(t, 1) // skips where there is none
	for _, test := range []struct {
		name   string
		env    []string
		bounds [3]int64 // the least and the most kept after an execution, the most after the client is destroyed, in MB
	}{
		{"as the machine has", nil, [3]int64{80, 1000, 16}},
		{"as the environment says", []string{smallMemory}, [3]int64{-1000, 64, 16}},
	} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKeptMemory$", "-test.v")
		child.Env = append(append(os.Environ(), keptVariable+"=1"), test.env...)
		out, err := child.CombinedOutput()
		at := bytes.Index(out, []byte("kept "))
		var executed, destroyed int64
		if err == nil && at >= 0 {
			_, err = fmt.Sscanf(string(out[at:]), "kept %d %d", &executed, &destroyed)
		}
		b := test.bounds
		if err != nil || at < 0 || executed < b[0] || executed > b[1] || destroyed > b[2] {
			t.Errorf("%s: %d MB kept after an execution, %d MB after the client is gone, want %v (error %v, output %s)", test.name, executed, destroyed, b, err, out)
		}
	}
}

// keptMemory is how many MB more the process holds after an execution whose arrays, 96 MB, are destroyed, and after the
// client is. The arrays are freed when the client's threads let go of them, one perhaps a little later: where little may be
// kept, that is waited for.
func keptMemory(t *testing.T) []any {
	const elements = 12 << 20
	client := newClient(t, 1)
	exe := compile(t, client, 0, strings.ReplaceAll(double, "4xf32", "12582912xf32"))
	in := make([]float32, elements)
	for i := range in {
		in[i] = 1
	}
	before := residentMB(t)
	x := fromHost(t, client, 0, in, elements)
	y, err := exe.Execute(x).OnDeviceByNum(0).Done()
	if err != nil {
		t.Fatal(err)
	}
	if err := y[0].ToHost(unsafe.Slice((*byte)(unsafe.Pointer(&in[0])), 4*elements)); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*pjrt.Buffer{x, y[0]} {
		if err := b.Destroy(); err != nil {
			t.Fatal(err)
		}
	}
	executed := residentMB(t) - before
	for range 100 {
		if os.Getenv("MOCOTPU_MEMORY") == "" || executed <= 64 {
			break
		}
		time.Sleep(50 * time.Millisecond)
		executed = residentMB(t) - before
	}
	if err := client.Destroy(); err != nil {
		t.Fatal(err)
	}
	return []any{executed, residentMB(t) - before}
}

// residentMB is what the process holds in memory.
func residentMB(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib / 1000
		}
	}
	t.Fatalf("no VmRSS in %s", status)
	return 0
}
