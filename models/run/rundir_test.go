package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// TestOpenDirLocks: a second trainer gets ErrLocked with the process of the
// first; after Close the directory is free. The lock belongs to the open file,
// so one process shows what two would.
func TestOpenDirLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs", "a")
	first, err := OpenDir(durable.Disk{}, path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenDir(durable.Disk{}, path)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d on ", os.Getpid())) {
		t.Errorf("second trainer: error %v, want ErrLocked and the process", err)
	}
	other, err := OpenDir(durable.Disk{}, filepath.Join(filepath.Dir(path), "b"))
	if err != nil {
		t.Fatalf("another directory: %v", err)
	}
	other.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenDir(durable.Disk{}, path)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	again.Close()
}

// TestOpenDirAfterKill: a killed process leaves its LOCK file behind, and that
// keeps nobody out.
func TestOpenDirAfterKill(t *testing.T) {
	const variable = "MOCOTPU_TEST_LOCK_DIR"
	if dir := os.Getenv(variable); dir != "" {
		if _, err := OpenDir(durable.Disk{}, dir); err != nil {
			t.Fatal(err)
		}
		self, _ := os.FindProcess(os.Getpid())
		self.Kill()
		select {}
	}
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenDirAfterKill$")
	child.Env = append(os.Environ(), variable+"="+dir)
	if err := child.Run(); err == nil {
		t.Fatal("the child was not killed")
	}
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err != nil {
		t.Fatalf("the child did not lock: %v", err)
	}
	d, err := OpenDir(durable.Disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}

func TestRunDirRecord(t *testing.T) {
	d, err := OpenDir(durable.Disk{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Record(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before saving: error %v, want fs.ErrNotExist", err)
	}
	want := Record{Config: Student(), DataSHA256: "abc", Versions: map[string]string{"mocotpu": "v1"}}
	want.Run.Seed = 1<<64 - 1
	if err := d.SaveRecord(want); err != nil {
		t.Fatal(err)
	}
	got, err := d.Record()
	want.Run.Dir = d.Path()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, error %v, want %+v", got, err, want)
	}
	if err := os.WriteFile(filepath.Join(d.Path(), ConfigFile), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Record(); err == nil || !strings.Contains(err.Error(), "moco is missing") || !strings.Contains(err.Error(), ConfigFile) {
		t.Errorf("an empty object: error %v, want the missing groups and the file", err)
	}
}
