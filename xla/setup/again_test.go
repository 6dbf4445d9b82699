package setup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A process that was killed while it put an installation in the place of another one has lost neither: the next one has the new
// one, or the old one, without a download.
func TestPutBack(t *testing.T) {
	for name, left := range map[string][]string{"the old one": {".tpu-123.old"}, "both": {".tpu-123", ".tpu-123.old"}} {
		t.Run(name, func(t *testing.T) {
			root, bin := sandbox(t)
			python := &fakePython{index: tpuIndex(t, "1.0")}
			python.install(t, bin)
			want, err := Install(t.Context(), "tpu", Options{})
			if err != nil {
				t.Fatal(err)
			}
			plugins, calls := filepath.Join(root, "plugins"), len(python.calls(t))
			for _, name := range left {
				if err := os.CopyFS(filepath.Join(plugins, name), os.DirFS(filepath.Join(plugins, "tpu"))); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.RemoveAll(filepath.Join(plugins, "tpu")); err != nil {
				t.Fatal(err)
			}
			if got, err := Install(t.Context(), "tpu", Options{}); err != nil || got != want || len(python.calls(t)) != calls {
				t.Errorf("got %+v, %v, and %d calls of pip, want %+v and none", got, err, len(python.calls(t))-calls, want)
			}
		})
	}
}

// What no longer loads is not ready: it is installed again.
func TestBrokenInstallation(t *testing.T) {
	_, bin := sandbox(t)
	python := &fakePython{index: tpuIndex(t, "1.0")}
	python.install(t, bin)
	if _, err := Install(t.Context(), "tpu", Options{}); err != nil {
		t.Fatal(err)
	}
	python.cannot = true
	python.install(t, bin)
	var said []string
	_, err := Install(t.Context(), "tpu", Options{Progress: func(s string) { said = append(said, s) }})
	if err == nil || !strings.Contains(err.Error(), "does not load") || len(python.calls(t)) == 0 {
		t.Errorf("error %v and %d calls of pip, want one that it does not load, and a new installation", err, len(python.calls(t)))
	}
	if len(said) == 0 || !strings.Contains(said[0], "it is installed again") {
		t.Errorf("progress %q, want that it is installed again", said)
	}
}

// Another process's installation is waited for, audibly, and no longer than the context lasts.
func TestInstallWaits(t *testing.T) {
	root, bin := sandbox(t)
	(&fakePython{index: tpuIndex(t, "1.0")}).install(t, bin)
	writeFile(t, filepath.Join(root, "plugins", "other"), nil)
	unlock, err := lock(t.Context(), filepath.Join(root, "plugins"), "tpu", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var said []string
	_, err = Install(ctx, "tpu", Options{Progress: func(s string) { said = append(said, s); cancel() }})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "waiting for another process") || len(said) != 1 || !strings.Contains(said[0], "waiting for another process") {
		t.Errorf("error %v, progress %q", err, said)
	}
	unlock()
	if _, err := Install(t.Context(), "tpu", Options{}); err != nil {
		t.Errorf("error %v when the other process was done", err)
	}
}
