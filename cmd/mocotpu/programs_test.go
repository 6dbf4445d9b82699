package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestPrograms: the second start of a run compiles nothing and gives the same numbers; doctor tells of the programs and
// removes them; a damaged one is said, once, and harms nobody.
func TestPrograms(t *testing.T) {
	xlatest.CPU(t, 1)
	t.Chdir(t.TempDir())
	cache := filepath.Join(t.TempDir(), "cache")
	t.Setenv(programs.Variable, cache)
	train := func(dir string) (weights []byte, stderr string) {
		t.Helper()
		code, _, stderr := call(t, append(tinyRun, "--backend=cpu", "--steps=1", "--knn-every=0", "--dir", dir)...)
		if code != exitDone {
			t.Fatalf("exit code %d, %s", code, stderr)
		}
		found := must.M1(filepath.Glob(filepath.Join(dir, "step-*", "encoders.safetensors")))
		return must.M1(os.ReadFile(found[len(found)-1])), stderr
	}
	files := func() []string { return must.M1(filepath.Glob(filepath.Join(cache, "*"))) }
	first, _ := train("first")
	kept := files()
	if len(kept) == 0 {
		t.Fatal("no program is kept")
	}
	for _, name := range kept {
		must.M(os.Chmod(name, 0o400)) // a file that is written again loses it
	}
	second, stderr := train("second")
	if string(first) != string(second) || strings.Contains(stderr, "compiled programs") {
		t.Errorf("loaded: another encoder, or it was told: %s", stderr)
	}
	for _, name := range kept {
		if mode := must.M1(os.Stat(name)).Mode(); mode != 0o400 || len(files()) != len(kept) {
			t.Errorf("%s: mode %s, and there are %d programs for %d: compiled again", name, mode, len(files()), len(kept))
		}
		must.M(os.Remove(name))
		must.M(os.WriteFile(name, []byte("nonsense"), 0o600))
	}
	third, stderr := train("third")
	if n := strings.Count(stderr, "compiled programs: "); string(third) != string(first) || n != 1 || !strings.Contains(stderr, "damaged") {
		t.Errorf("damaged: another encoder, or told %d times, want once: %s", n, stderr)
	}
}
