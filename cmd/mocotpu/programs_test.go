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

// TestDoctorTellsPrograms: where they are and how many, and that they are gone when they are removed.
func TestDoctorTellsPrograms(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	store := &programs.Store{Dir: cache}
	must.M(store.Put("a", make([]byte, 1_500_000)))
	must.M(store.Put("b", make([]byte, 500_000)))
	tell := func(variable string, clear bool) string {
		t.Helper()
		t.Setenv(programs.Variable, variable)
		var out strings.Builder
		must.M(tellPrograms(&out, clear))
		return out.String()
	}
	const most = "of at most 4.0 GB\n"
	for _, test := range []struct {
		variable string
		clear    bool
		want     string
	}{
		{cache, false, "2 compiled program(s) kept in " + cache + ": 2.0 MB " + most},
		{cache, true, "2 compiled program(s) removed, 2.0 MB\n0 compiled program(s) kept in " + cache + ": 0.0 MB " + most},
		{cache, false, "0 compiled program(s) kept in " + cache + ": 0.0 MB " + most},
		{programs.Off, true, "compiled programs are not kept: MOCOTPU_CACHE=off\n"},
	} {
		if got := tell(test.variable, test.clear); got != test.want {
			t.Errorf("MOCOTPU_CACHE=%s, clear %t: got %q, want %q", test.variable, test.clear, got, test.want)
		}
	}
}
