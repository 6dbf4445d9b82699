package cpuplugin_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

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

func minorFaults(t *testing.T) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Minflt
}
