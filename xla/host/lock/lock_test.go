package lock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"
)

// A lock is one open file's at a time, and the next one's after Close; the file can be read meanwhile.
func TestTry(t *testing.T) {
	name := filepath.Join(t.TempDir(), "LOCK")
	must.M(os.WriteFile(name, []byte("1 on here\n"), 0o644))
	open := func() *os.File { return must.M1(os.OpenFile(name, os.O_RDWR, 0)) }
	first, second := open(), open()
	defer second.Close()
	if err := Try(first); err != nil {
		t.Fatal(err)
	}
	if err := Try(second); !errors.Is(err, ErrHeld) {
		t.Fatalf("error %v, want ErrHeld", err)
	}
	reader := must.M1(os.Open(name))
	if err := TryShared(reader); !errors.Is(err, ErrHeld) {
		t.Errorf("a reader: error %v, want ErrHeld", err)
	}
	must.M(reader.Close())
	if text, err := os.ReadFile(name); err != nil || string(text) != "1 on here\n" {
		t.Errorf("it reads %q, error %v", text, err)
	}
	must.M(first.Close())
	if err := Try(second); err != nil {
		t.Errorf("error %v after the lock was given back", err)
	}
}
