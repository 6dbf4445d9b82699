package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// TestNamesAreQuoted prints names that strangers chose, by both outputs.
func TestNamesAreQuoted(t *testing.T) {
	evil := "x\x1b]0;hacked\a\x1b[31m"
	dir := filepath.Join(t.TempDir(), evil)
	must.M(os.MkdirAll(filepath.Join(dir, evil), 0o755))
	for _, args := range [][]string{
		{evil},
		{"train", "--" + evil},
		{"train", "--dir=" + dir},
		{"train", "--preset=moco-v2", "--data=" + dir, "--backend=go"},
		{"embed", dir},
		{"import", dir},
		{"data", "verify", dir},
		{"report", dir},
	} {
		code, stdout, stderr := call(t, args...)
		if code != exitUsage {
			t.Errorf("%q: exit code %d, want %d: %s", args, code, exitUsage, stderr)
		}
		if strings.ContainsAny(stdout+stderr, "\x1b\a") || !strings.Contains(stderr, `x\u001b`) && !strings.Contains(stderr, `x\x1b`) {
			t.Errorf("%q: printed %q and %q, want the name quoted", args, stdout, stderr)
		}
	}
}
