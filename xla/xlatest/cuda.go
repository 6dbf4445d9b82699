package xlatest

import (
	"errors"
	"os"
	"testing"

	"github.com/mocotpu/mocotpu/xla/setup"
)

// CUDACompiler skips a test where the CUDA plugin is not installed, which compiles without GPU and driver, and where it cannot
// be skipped (CI=true) fails it.
func CUDACompiler(t testing.TB) {
	t.Helper()
	_, err := setup.Find("cuda")
	switch {
	case errors.Is(err, setup.ErrNotInstalled) && os.Getenv("CI") != "true":
		t.Skipf("no compiler for GPUs (mocotpu setup cuda --compile-only): %v", err)
	case err != nil:
		t.Fatal(err)
	}
}
