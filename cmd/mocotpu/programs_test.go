package main

import (
	"os"
	"path/filepath"
	"slices"
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
	train := func(dir string, more ...string) (weights []byte, stderr string) {
		t.Helper()
		code, _, stderr := call(t, slices.Concat(tinyRun, []string{"--backend=cpu", "--steps=1", "--knn-every=0", "--dir", dir}, more)...)
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
	compileSaved(t, train, first, len(kept)-1) // a build with invariants has programs of its own
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

// compileSaved: a step that compile has saved is loaded by train, which does not compile it then and makes the encoder of a run
// that did; a run that it was not compiled for is refused by the flag, and what does not go together at once.
func compileSaved(t *testing.T, train func(dir string, more ...string) ([]byte, string), want []byte, others int) {
	t.Helper()
	cache := os.Getenv(programs.Variable)
	empty := filepath.Join(t.TempDir(), "empty")
	t.Setenv(programs.Variable, programs.Off)
	compile := append([]string{"compile", "--backend=cpu", "--save=step.mocotpu"}, tinyNetwork...)
	if code, _, stderr := call(t, compile...); code != exitDone || !strings.Contains(stderr, "saved step.mocotpu") {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	if mode := must.M1(os.Stat("step.mocotpu")).Mode(); mode != 0o600 {
		t.Errorf("mode %s, want it the user's alone", mode)
	}
	t.Setenv(programs.Variable, empty) // whatever is compiled is kept here
	got, stderr := train("loaded", "--program=step.mocotpu")
	if string(got) != string(want) || !strings.Contains(stderr, "not compiled but loaded from step.mocotpu") {
		t.Errorf("another encoder, or not told: %s", stderr)
	}
	if compiled, _ := filepath.Glob(filepath.Join(empty, "*")); len(compiled) != others {
		t.Errorf("compiled %q, want all but the step: %d", compiled, others)
	}
	t.Setenv(programs.Variable, cache)
	for want, args := range map[string][]string{
		"--queue is 64, and the program was compiled with 40": append(slices.Clone(tinyRun), "--backend=cpu", "--queue=64", "--program=step.mocotpu"),
		"--backend=cpu":                    append(slices.Clone(tinyRun), "--program=step.mocotpu"),
		"--program is for one process":     append(slices.Clone(tinyRun), "--processes=2", "--program=step.mocotpu"),
		"step.mocotpu is there already":    compile,
		"--save and --out both name other": append(slices.Clone(compile), "--save=other", "--out=./other"),
		"has loops and runs on 2 CPU dev":  append(slices.Clone(compile), "--devices=2", "--bn-groups=4", "--micro=2", "--save=other"),
		"--save is for one target":         append(slices.Clone(compile), "--topology=v3-8", "--save=other"),
		"no algorithm for its convolutio":  {"compile", "--topology=h100", "--save=other"},
	} {
		if code, _, stderr := call(t, args...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d, %s; want %q", args, code, stderr, want)
		}
	}
}
