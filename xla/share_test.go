package xla

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// TestShareHost has the plugin told the process's CPUs and memory, and what the user said kept.
func TestShareHost(t *testing.T) {
	for _, name := range []string{threadsVariable, memoryVariable} {
		t.Setenv(name, "") // so that it is put back
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(threadsVariable, "7")
	t.Setenv(convolutionsVariable, "xla")
	if err := shareHost(); err != nil {
		t.Fatal(err)
	}
	if got, want := os.Getenv(memoryVariable), strconv.FormatInt(limits.Memory(), 10); got != want {
		t.Errorf("%s is %q, want %q", memoryVariable, got, want)
	}
	if got := os.Getenv(threadsVariable); got != "7" {
		t.Errorf("%s is %q, want the user's 7", threadsVariable, got)
	}
	t.Setenv(convolutionsVariable, "foo")
	if err := shareHost(); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), `MOCOTPU_CPU_CONVOLUTIONS="foo"`) {
		t.Errorf("error %v, want the variable refused", err)
	}
}

func TestTooManyDevices(t *testing.T) {
	for _, devices := range []int{-1, maxDevices + 1, 1 << 62} {
		if _, err := Open("cpu", Options{Devices: devices}); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "--devices") {
			t.Errorf("%d devices: error %v, want ErrOptions", devices, err)
		}
	}
}

// TestWrongEnvironment has wrong variables of the environment be the user's to mend, and a wrong program not.
func TestWrongEnvironment(t *testing.T) {
	for op, want := range map[string]bool{"create cpu client": true, "XLA_FLAGS": true, "compile": false} {
		var err error = &Error{Op: op, Code: InvalidArgument, Msg: "no"}
		if got := errors.Is(err, ErrOptions); got != want {
			t.Errorf("%s: ErrOptions is %t, want %t", op, got, want)
		}
	}
	if errors.Is(&Error{Op: "create cpu client", Code: Internal}, ErrOptions) {
		t.Error("a plugin that fails is not the user's fault")
	}
}
