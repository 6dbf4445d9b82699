package durable_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/durable/durabletest"
)

// TestReplaceFaults: after a fault or a crash at any operation the old content or the new is there, whole.
func TestReplaceFaults(t *testing.T) {
	for _, fault := range durabletest.Faults() {
		for at := 0; ; at++ {
			name := filepath.Join(t.TempDir(), "config.json")
			if err := durable.Replace(durabletest.Good(), name, []byte("the old content")); err != nil {
				t.Fatal(err)
			}
			d := &durabletest.Disk{At: at, Fault: fault}
			err := durable.Replace(d, name, []byte("new"))
			got, readErr := os.ReadFile(name)
			if readErr != nil || string(got) != "the old content" && string(got) != "new" {
				t.Fatalf("%v at %d: content %q, error %v", fault, at, got, readErr)
			}
			if !d.Hit() {
				d.Crash()
				if got, _ := os.ReadFile(name); err != nil || string(got) != "new" {
					t.Fatalf("a crash after it: content %q, error %v", got, err)
				}
				if at < 6 {
					t.Fatalf("only %d operations: the faults do not reach the file", at)
				}
				break
			}
			if !errors.Is(err, fault.Err()) {
				t.Fatalf("%v at %d: error %v, want it reported", fault, at, err)
			}
		}
	}
}

// TestReplaceNamesTheFile: an error of what is written names the file, not the temporary one.
func TestReplaceNamesTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.html")
	cause := errors.New("no content")
	err := durable.ReplaceWith(durable.Disk{}, name, func(io.Writer) error { return cause })
	if want := name + ": no content"; !errors.Is(err, cause) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestPlaceFaults: a file that another program wrote takes its name whole, or leaves the old one.
func TestPlaceFaults(t *testing.T) {
	for _, fault := range durabletest.Faults() {
		for at := 0; ; at++ {
			name := filepath.Join(t.TempDir(), "library.so")
			if err := errors.Join(os.WriteFile(name, []byte("old"), 0o600), os.WriteFile(name+".part", []byte("new"), 0o600)); err != nil {
				t.Fatal(err)
			}
			d := &durabletest.Disk{At: at, Fault: fault}
			err := durable.Place(d, name+".part", name)
			if got, _ := os.ReadFile(name); string(got) != "old" && string(got) != "new" {
				t.Fatalf("%v at %d: content %q", fault, at, got)
			}
			if !d.Hit() {
				if want := 5; err != nil || at != want {
					t.Fatalf("error %v after %d operations, want none after open, sync, close, rename and sync of the folder", err, at)
				}
				break
			}
			if !errors.Is(err, fault.Err()) {
				t.Fatalf("%v at %d: error %v, want it reported", fault, at, err)
			}
		}
	}
}

// TestPrivate: what a private disk makes is the user's alone.
func TestPrivate(t *testing.T) {
	disk, dir := durable.Disk{Private: true}, filepath.Join(t.TempDir(), "folder")
	if err := errors.Join(disk.MkdirAll(dir), durable.Replace(disk, filepath.Join(dir, "file"), nil)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "file"): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, error %v, want %v", name, info.Mode(), err, want)
		}
	}
}

// TestDiskAppends: a file grows at its end, across openings.
func TestDiskAppends(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rows")
	for _, row := range []string{"one\n", "two\n"} {
		f, err := durable.Disk{}.Append(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write([]byte(row))
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("content %q, error %v, want both rows", got, err)
	}
}
