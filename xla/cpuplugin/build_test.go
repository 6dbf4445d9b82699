package cpuplugin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fakes makes a folder that looks like the wheel's, and a g++ that is a shell script, the only program on PATH.
func fakes(t *testing.T, gxx string) (wheelDir string) {
	t.Helper()
	wheelDir, bin := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(wheelDir, "include"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range Libraries {
		if err := os.WriteFile(filepath.Join(wheelDir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	if gxx != "" {
		if err := os.WriteFile(filepath.Join(bin, "g++"), []byte("#!/bin/sh\n"+gxx), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return wheelDir
}

const writesOutput = `while [ $# -gt 0 ]; do
	case "$1" in
	-o) out=$2 ;;
	*/all.cc) [ -f "$1" ] || exit 3 ;;
	-I*/src/stub) [ -f "${1#-I}/mlir/IR/BuiltinOps.h" ] || exit 4 ;;
	*.o) [ "$last" = -o ] || [ -f "$1" ] || exit 6 ;;
	esac
	last=$1
	shift
done
echo built >"$out"
`

func TestBuild(t *testing.T) {
	wheelDir, out := fakes(t, writesOutput), t.TempDir()
	said := ""
	path, err := Build(t.Context(), wheelDir, out, true, func(s string) { said += s })
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(out, FileName); path != want {
		t.Errorf("path: got %s, want %s", path, want)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "built\n" {
		t.Errorf("the plugin: got %q, %v", text, err)
	}
	if !strings.Contains(said, "about a minute") {
		t.Errorf("progress: got %q, want how long it takes", said)
	}
	leaves(t, out, FileName)
}

func TestBuildFailures(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name, gxx, lacks, says string
		ctx                    context.Context
		want                   error
	}{
		{name: "no compiler", says: "apt-get install g++", want: ErrNoCompiler},
		{name: "compiler fails", gxx: "echo all.cc:1: error: no such header >&2; exit 1", says: "no such header"},
		{name: "no headers", gxx: writesOutput, lacks: "include", says: TensorFlowVersion, want: os.ErrNotExist},
		{name: "no library", gxx: writesOutput, lacks: Libraries[1], says: Libraries[1], want: os.ErrNotExist},
		{name: "canceled", gxx: writesOutput, ctx: canceled, want: context.Canceled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wheelDir, out := fakes(t, test.gxx), t.TempDir()
			if test.lacks != "" {
				if err := os.Remove(filepath.Join(wheelDir, test.lacks)); err != nil {
					t.Fatal(err)
				}
			}
			if test.ctx == nil {
				test.ctx = t.Context()
			}
			_, err := Build(test.ctx, wheelDir, out, false, nil)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %v that says %q", err, test.want, test.says)
			}
			leaves(t, out)
		})
	}
}

func TestVersion(t *testing.T) {
	if v := Version(false); !regexp.MustCompile(`^tensorflow-2\.21\.0-onednn-2023\.2\.0-[0-9a-f]{8}$`).MatchString(v) || v != Version(false) ||
		Version(true) != v+"-gloo" || SeveralProcesses(v) || !SeveralProcesses(v+"-gloo") {
		t.Errorf("got %q, want the same tensorflow-2.21.0-onednn-2023.2.0-xxxxxxxx every time, with -gloo where it is built with Gloo", v)
	}
}

// leaves tells what is in dir that is not wanted there.
func leaves(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("left in the folder: got %v, want %v", got, want)
	}
}
