//go:build cgo

package xla

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"
)

// slicePlugin builds the plugin that opens as libtpu does on a host of a v3-32, and makes this machine one with a TPU.
func slicePlugin(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "slice_plugin.so")
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-o", path, "testdata/sliceplugin.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("TPU_NAME", "of the test")
	return path
}

// A slice's devices stand host by host, in the order that libtpu has for hosts, which need not be that of the processes. Each
// process has the rows of its own devices, and its numbers begin with them.
func TestSlice(t *testing.T) {
	plugin := slicePlugin(t)
	wantIDs := []int64{
		0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15,
		16, 17, 18, 19, 24, 25, 26, 27, 20, 21, 22, 23, 28, 29, 30, 31,
	}
	for process, host := range []int{2, 0, 3, 1} {
		t.Setenv("MOCOTPU_TEST_HOST", strconv.Itoa(host))
		e, err := Open("tpu", Options{Plugin: plugin, Processes: &Processes{Index: process, Count: 4}})
		if err != nil {
			t.Fatal(err)
		}
		first, count := e.LocalDevices()
		if first != 8*host || count != 8 || e.NumDevices() != 32 || !slices.Equal(e.several.ids, wantIDs) {
			t.Errorf("process %d on host %d: places from %d on, %d of %d, of devices %v, want 8 of 32 from %d on, of %v", process, host,
				first, count, e.NumDevices(), e.several.ids, 8*host, wantIDs)
		}
		if e.DeviceAt(first) != 0 || e.DeviceAt((first+8)%32) != 8 {
			t.Errorf("process %d: its first device has the number %d, and the next host's %d, want 0 and 8", process, e.DeviceAt(first), e.DeviceAt((first+8)%32))
		}
		e.Close()
	}
	_, err := Open("tpu", Options{Plugin: plugin, Processes: &Processes{Index: 0, Count: 2}})
	if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "8 of the 32 devices of 2 processes") || !strings.Contains(err.Error(), "each host of a TPU slice") {
		t.Errorf("two processes on four hosts: %v", err)
	}
}

// Who waits for the other hosts of a slice is told so, and does not wait for good.
func TestSliceWaits(t *testing.T) {
	plugin := slicePlugin(t)
	told := must.M1(os.Create(filepath.Join(t.TempDir(), "stderr")))
	defer told.Close()
	defer func(f *os.File) { os.Stderr = f }(os.Stderr)
	os.Stderr = told
	defer func(d time.Duration) { sliceNotice = d }(sliceNotice)
	sliceNotice = time.Millisecond
	t.Setenv("MOCOTPU_TEST_WAIT", "300")
	e, err := Open("tpu", Options{Plugin: plugin, Processes: &Processes{Index: 0, Count: 4}})
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	if text := string(must.M1(os.ReadFile(told.Name()))); !strings.Contains(text, "the other 3 host(s) of the slice") || !strings.Contains(text, "given up after 30m") {
		t.Errorf("told %q, want what is waited for and for how long", text)
	}
	var failed *Error
	_, err = Open("tpu", Options{Plugin: plugin, Processes: &Processes{Index: 0, Count: 4, Timeout: 10 * time.Millisecond}})
	if !errors.As(err, &failed) || failed.Code != DeadlineExceeded || !strings.Contains(err.Error(), "has waited 10ms for the other 3 host(s)") {
		t.Errorf("error %v, want that the others were waited for", err)
	}
	time.Sleep(300 * time.Millisecond) // until the client that nobody waits for is made: the variables are this test's
}
