package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// TestFaults has a panic, of the command's own goroutine and of another, end as one line that names a file with the stack.
func TestFaults(t *testing.T) {
	for name, fault := range map[string]func() error{
		"its own": func() error { panic("index out of\nrange") },
		"another's": func() error {
			var g guard.Group
			g.Go(func() { panic("index out of\nrange") })
			g.Wait()
			return nil
		},
		"as an error": func() error {
			return errors.Join(errors.New("train: feed"), guard.Call(func() error { panic("index out of\nrange") }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			err := guarded([]string{"train", "--dim=3"}, fault)
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "index out of: please report it with "+dir) {
				t.Fatalf("error %v, want one sentence", err)
			}
			found := must.M1(filepath.Glob(filepath.Join(dir, "mocotpu-fault-*.txt")))
			if len(found) != 1 {
				t.Fatalf("files %v, want one", found)
			}
			text := string(must.M1(os.ReadFile(found[0])))
			for _, want := range []string{`["train" "--dim=3"]`, "index out of\nrange", "TestFaults", "mocotpu"} {
				if !strings.Contains(text, want) {
					t.Errorf("the file holds %q, want %q in it", text, want)
				}
			}
			if code := exitCode(t.Context(), err); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
		})
	}
	want := errors.New("no")
	if err := guarded(nil, func() error { return want }); err != want {
		t.Errorf("error %v, want it as it is", err)
	}
}

// TestTellIsShort has an error that quotes a file at length cut.
func TestTellIsShort(t *testing.T) {
	var out bytes.Buffer
	tell(&out, newRoot(), errors.New(strings.Repeat("x", 1<<20)))
	if out.Len() > 9<<10 || !strings.Contains(out.String(), "bytes more") {
		t.Errorf("%d bytes: ...%s", out.Len(), out.Bytes()[out.Len()-40:])
	}
}
