package durable_test

import (
	"errors"
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
