package regular

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/janpfeifer/must"
)

// TestOpenRefuses has everything but a file refused, named by its kind, and without waiting for a writer of the pipe: the
// test would not end.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	must.M(syscall.Mkfifo(pipe, 0o644))
	listener := must.M1(net.Listen("unix", socket))
	defer listener.Close()
	must.M(os.Symlink(pipe, link))
	for name, want := range map[string]string{
		pipe: "a pipe", link: "a pipe", socket: "a socket", "/dev/zero": "a device", dir: "a folder",
	} {
		for i, open := range []func(string) error{
			func(name string) error { _, err := Open(name); return err },
			func(name string) error { _, err := ReadFile(name, 10); return err },
			func(name string) error { _, err := OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644); return err },
		} {
			err := open(name)
			if !errors.Is(err, ErrIrregular) || !strings.Contains(err.Error(), want) && !(name == link && i == 2 && strings.Contains(err.Error(), "it is a link")) {
				t.Errorf("%s: error %v, want one that says %q", name, err, want)
			}
		}
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v for no file, want fs.ErrNotExist", err)
	}
}

// A link is read, and never written through, wherever it leads.
func TestWritesThroughNoLink(t *testing.T) {
	dir := t.TempDir()
	name, link, dangling := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	must.M(os.WriteFile(name, []byte("precious"), 0o644))
	must.M(os.Symlink(name, link))
	must.M(os.Symlink(filepath.Join(dir, "none"), dangling))
	for _, path := range []string{link, dangling} {
		if _, err := OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644); !errors.Is(err, ErrIrregular) {
			t.Errorf("%s: error %v, want that it is a link", path, err)
		}
	}
	if text := must.M1(ReadFile(link, 10)); string(text) != "precious" {
		t.Errorf("the file holds %q", text)
	}
	if names := must.M1(os.ReadDir(dir)); len(names) != 3 {
		t.Errorf("%d names, want none more", len(names))
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	must.M(os.WriteFile(name, []byte("0123456789"), 0o644))
	must.M(os.Symlink(name, link))
	for _, path := range []string{name, link} {
		if text, err := ReadFile(path, 10); err != nil || string(text) != "0123456789" {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	if _, err := ReadFile(name, 9); !errors.Is(err, ErrTooLong) {
		t.Errorf("error %v for a file of 10 bytes where 9 are taken, want ErrTooLong", err)
	}
	must.M(os.Truncate(name, 1<<40)) // all holes: to read it would take 1 TiB of memory
	if _, err := ReadFile(name, 10); !errors.Is(err, ErrTooLong) {
		t.Errorf("error %v for a file of 1 TiB, want ErrTooLong", err)
	}
}

// TestOpenFileCreates has a new file made, and an old one written to.
func TestOpenFileCreates(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, want := range []string{"a", "ab"} {
		f := must.M1(OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644))
		must.M1(f.WriteString(want[len(want)-1:]))
		must.M1(f.Seek(0, io.SeekStart))
		if text := must.M1(io.ReadAll(f)); string(text) != want {
			t.Errorf("%q, want %q", text, want)
		}
		must.M(f.Close())
	}
}
