package xla

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// TestProcessor: what an instruction set depends on is there, what changes from one moment to the next is not.
func TestProcessor(t *testing.T) {
	const first = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xeon\nstepping\t: 7\ncpu MHz\t\t: 2500.1\nflags\t\t: fpu avx2 avx512f\nbogomips\t: 5000\n"
	read := func(text string) (string, error) {
		file := filepath.Join(t.TempDir(), "cpuinfo")
		must.M(os.WriteFile(file, []byte(text), 0o600))
		return processor(file)
	}
	whole := must.M1(read(first + "\n" + strings.ReplaceAll(first, "processor\t: 0", "processor\t: 1")))
	if want := "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nstepping\t: 7\nflags\t\t: fpu avx2 avx512f"; whole != want {
		t.Errorf("got %q, want %q", whole, want)
	}
	if got := must.M1(read(strings.ReplaceAll(first, "2500.1", "1200.0"))); got != whole {
		t.Errorf("slower for the moment: got %q", got)
	}
	if got := must.M1(read(strings.ReplaceAll(first, " avx512f", ""))); got == whole {
		t.Error("a machine without AVX-512 is the same")
	}
	arm := "processor\t: 0\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"
	if got := must.M1(read(arm)); !strings.Contains(got, "sve") || !strings.Contains(got, "0xd40") {
		t.Errorf("ARM: got %q", got)
	}
	for _, text := range []string{"", "processor\t: 0\n"} {
		if got, err := read(text); err == nil || !strings.Contains(err.Error(), "is not known") {
			t.Errorf("%q: got %q, %v, want an error", text, got, err)
		}
	}
	if _, err := processor(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no file, no error")
	}
}

// TestWithoutName: the module's name goes, nothing else does.
func TestWithoutName(t *testing.T) {
	for text, want := range map[string]string{
		"module @knn_1 {\n  func.func @main":  " {\n  func.func @main",
		"module @knn_2 {\n  func.func @main":  " {\n  func.func @main",
		"module @step_1 attributes {a = 1} {": " attributes {a = 1} {",
		"module {\n}":                         "module {\n}",
		"":                                    "",
	} {
		if got := withoutName(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
