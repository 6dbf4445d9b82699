package xlatest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla"
)

// Without a plugin a test is skipped with the reason, but fails in continuous integration. The go engine is always there.
func TestWithoutPlugin(t *testing.T) {
	const inside = "XLATEST_INSIDE"
	if os.Getenv(inside) != "" {
		Each(t, func(t *testing.T, e *xla.Engine) { t.Logf("runs on %s", e.EngineName()) })
		return
	}
	empty := t.TempDir()
	for _, test := range []struct{ ci, want string }{
		{"", "--- SKIP: TestWithoutPlugin/cpu"},
		{"true", "--- FAIL: TestWithoutPlugin/cpu"},
	} {
		c := exec.Command(os.Args[0], "-test.run=^TestWithoutPlugin$", "-test.v")
		c.Env = append(os.Environ(), inside+"=1", "CI="+test.ci, "HOME="+empty, "MOCOTPU_HOME="+empty, "PJRT_PLUGIN_LIBRARY_PATH="+empty)
		out, err := c.CombinedOutput()
		if (err != nil) != (test.ci != "") || !strings.Contains(string(out), test.want) || !strings.Contains(string(out), "mocotpu setup cpu") ||
			!strings.Contains(string(out), "runs on go") {
			if strings.Contains(string(out), "runs on cpu") {
				t.Skip("a plugin is installed for all users of this machine")
			}
			t.Errorf("CI=%s: %v\n%s", test.ci, err, out)
		}
	}
}

// An engine is opened once.
func TestShared(t *testing.T) {
	if first, second := Go(t), Go(t); first != second {
		t.Error("got two go engines")
	}
	if first, second := CPU(t, 2), CPU(t, 2); first != second || first == CPU(t, 1) {
		t.Error("got two CPU engines with 2 devices, or one for 1 and 2")
	}
	if n := CPU(t, 2).NumDevices(); n != 2 {
		t.Errorf("got %d devices, want 2", n)
	}
}
