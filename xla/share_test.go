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
	if err := shareHost(); err != nil {
		t.Fatal(err)
	}
	if got, want := os.Getenv(memoryVariable), strconv.FormatInt(limits.Memory(), 10); got != want {
		t.Errorf("%s is %q, want %q", memoryVariable, got, want)
	}
	if got := os.Getenv(threadsVariable); got != "7" {
		t.Errorf("%s is %q, want the user's 7", threadsVariable, got)
	}
}

// TestHostVariables has what the variables cannot say refused, also where any engine would do, and what they can say taken.
func TestHostVariables(t *testing.T) {
	for name, words := range map[string][2][]string{
		convolutionsVariable: {{"", "xla", "onednn"}, {"foo"}},
		threadsVariable:      {{"", "1", "4096"}, {"zzz", "-3", "0", "100000", "2 "}},
		memoryVariable:       {{"", "67108864", "9223372036854775807"}, {"banana", "-1", "0", "4GB", "9223372036854775808"}},
	} {
		t.Setenv(name, "")
		for _, word := range words[0] {
			t.Setenv(name, word)
			if err := checkHost(); err != nil {
				t.Errorf("%s=%q: error %v, want none", name, word, err)
			}
		}
		for _, word := range words[1] {
			t.Setenv(name, word)
			for _, engine := range []string{"cpu", "auto"} {
				if e, err := Open(engine, Options{}); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), name+"="+strconv.Quote(word)) {
					t.Errorf("%s=%q: engine %v, error %v, want the variable refused", name, word, e, err)
				}
			}
		}
		t.Setenv(name, "")
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
