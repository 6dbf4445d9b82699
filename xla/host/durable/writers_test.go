package durable_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// Of two writers of one file the second is refused, before its work and when it writes, and the first is whole. What a killed
// one left is written over.
func TestTwoWriters(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.npy")
	must.M(os.WriteFile(name+durable.TempSuffix, []byte(strings.Repeat("left behind ", 10)), 0o644))
	err := durable.ReplaceWith(durable.Disk{}, name, func(w io.Writer) error {
		must.M1(io.WriteString(w, "the first "))
		if err := durable.Replace(durable.Disk{}, name, []byte("the second")); !errors.Is(err, durable.ErrWritten) {
			t.Errorf("error %v for the second writer, want ErrWritten", err)
		}
		if err := durable.MayWrite(true, name); !errors.Is(err, durable.ErrWritten) {
			t.Errorf("error %v before a second writer's work, want ErrWritten", err)
		}
		_, err := io.WriteString(w, "writer's")
		return err
	})
	if text := must.M1(os.ReadFile(name)); err != nil || string(text) != "the first writer's" {
		t.Errorf("error %v, content %q", err, text)
	}
	must.M(durable.Replace(durable.Disk{}, name, []byte("again")))
	if entries := must.M1(os.ReadDir(filepath.Dir(name))); len(entries) != 1 || string(must.M1(os.ReadFile(name))) != "again" {
		t.Errorf("%d files, want the one, written anew", len(entries))
	}
}
