package run

import (
	"path/filepath"
	"testing"
)

func TestBeside(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	for path, want := range map[string]string{
		"a": "a.x", "a/": "a.x", "./a": "a.x", "a.": "a..x", ".hidden": ".hidden.x", ".": root + ".x", "./": root + ".x", "..": filepath.Dir(root) + ".x", "a/..": root + ".x",
	} {
		if got := Beside(path, ".x"); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
