package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Wrong use is told before anything is downloaded; what cannot be installed is a failure, and leaves nothing.
func TestRun(t *testing.T) {
	t.Setenv("MOCOTPU_HOME", t.TempDir())
	for _, test := range []struct {
		args []string
		code int
	}{
		{nil, 2},
		{[]string{"cpu", "--fast"}, 2},
		{[]string{"cpu", "tpu"}, 2},
		{[]string{"gpu"}, 1},
		{[]string{"tpu", "--compile-only"}, 1},
	} {
		if code := run(t.Context(), test.args); code != test.code {
			t.Errorf("%q: exit code %d, want %d", test.args, code, test.code)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("MOCOTPU_HOME"), "*", "*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}
