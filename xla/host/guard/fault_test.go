package guard_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// TestFaults has a panic, of the command's own goroutine and of another, end as one line that names a file with the stack.
func TestFaults(t *testing.T) {
	versions := func(w io.Writer) error {
		_, err := io.WriteString(w, "mocotpu 1.2.3")
		return err
	}
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
			err := guard.Explain(guard.Call(fault), []string{"train", "--dim=3"}, versions)
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "index out of: please report it with "+dir) {
				t.Fatalf("error %v, want one sentence", err)
			}
			found := must.M1(filepath.Glob(filepath.Join(dir, "mocotpu-fault-*.txt")))
			if len(found) != 1 {
				t.Fatalf("files %v, want one", found)
			}
			text := string(must.M1(os.ReadFile(found[0])))
			for _, want := range []string{`["train" "--dim=3"]`, "index out of\nrange", "TestFaults", "mocotpu 1.2.3"} {
				if !strings.Contains(text, want) {
					t.Errorf("the file holds %q, want %q in it", text, want)
				}
			}
		})
	}
	want := errors.New("no")
	if err := guard.Explain(want, nil, versions); err != want {
		t.Errorf("error %v, want it as it is", err)
	}
}
