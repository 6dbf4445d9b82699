// Package xlatest opens engines for tests: the go engine always, XLA's CPU engine where its plugin is installed. In
// continuous integration (CI=true) a missing plugin fails the test; elsewhere it is skipped with the reason.
package xlatest

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// engines are shared by the tests of a process and never closed.
var (
	mu      sync.Mutex
	engines = map[int]*xla.Engine{}
)

// Go returns the process's go engine.
func Go(t testing.TB) *xla.Engine {
	t.Helper()
	return open(t, "go", 0)
}

// CPU returns the process's CPU engine with that many virtual devices (at least 1). The engine is shared: do not close
// it, do not run such a test in parallel with another that counts its programs, and count programs as a difference.
func CPU(t testing.TB, devices int) *xla.Engine {
	t.Helper()
	if devices < 1 {
		t.Fatalf("xlatest: %d devices, want 1 or more", devices)
	}
	return open(t, "cpu", devices)
}

// LibTPU skips a test where libtpu is not installed; no TPU is needed.
func LibTPU(t testing.TB) {
	t.Helper()
	compiler(t, "tpu")
}

// CUDACompiler skips a test where the CUDA plugin is not installed, which compiles without GPU and driver.
func CUDACompiler(t testing.TB) {
	t.Helper()
	compiler(t, "cuda")
}

func compiler(t testing.TB, engine string) {
	t.Helper()
	_, err := setup.Find(engine)
	switch {
	case errors.Is(err, setup.ErrNotInstalled) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// NoDevice fails the test unless an engine for devices that are not there says so of a buffer.
func NoDevice(t testing.TB, e *xla.Engine) {
	t.Helper()
	if err := tensors.FromValue([]float32{1, 2}).ToDevice(e, 0); err == nil || !strings.Contains(err.Error(), "devices that are not there") {
		t.Errorf("a buffer on no device: %v", err)
	}
}

// Each runs f as a subtest on the go engine and on the CPU engine with one device.
func Each(t *testing.T, f func(t *testing.T, e *xla.Engine)) {
	t.Run("go", func(t *testing.T) { f(t, Go(t)) })
	t.Run("cpu", func(t *testing.T) { f(t, CPU(t, 1)) })
}

// Programs counts the programs that an engine compiled, or found compiled by another test.
func Programs(e *xla.Engine) int { return e.Compiled() + e.Loaded() }

// KeptPrograms is the environment variable that names a folder for the CPU engines' programs. Tests of many packages execute the same ones, of which the
// first compiles them; so does each round of the stress run.
const KeptPrograms = "MOCOTPU_TEST_PROGRAMS"

// Kept is the store in that folder, nil where the variable is not set.
func Kept() *programs.Store {
	if dir := os.Getenv(KeptPrograms); dir != "" {
		return &programs.Store{Dir: dir}
	}
	return nil
}

// open returns the engine for a number of devices, 0 for the go engine.
func open(t testing.TB, name string, devices int) *xla.Engine {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if e, ok := engines[devices]; ok {
		return e
	}
	e, err := xla.Open(name, xla.Options{Devices: devices, Programs: Kept()})
	switch {
	case errors.Is(err, xla.ErrNoPlugin) && os.Getenv("CI") != "true":
		t.Skipf("no XLA engine: %v", err)
	case err != nil:
		t.Fatalf("open %s with %d devices: %v", name, devices, err)
	}
	engines[devices] = e
	return e
}
