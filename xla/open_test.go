package xla_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// Opening fails with a reason.
func TestOpenErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "pjrt_c_api_text_plugin.so")
	must.M(os.WriteFile(text, []byte("no library"), 0o666))
	pipe := filepath.Join(t.TempDir(), "pipe")
	must.M(syscall.Mkfifo(pipe, 0o644))
	for _, test := range []struct {
		engine  string
		options xla.Options
		is      error
		want    string
	}{
		{"quantum", xla.Options{}, nil, `unknown engine "quantum", want "go", "cpu"`},
		{"", xla.Options{}, nil, "unknown engine"},
		{"cpu", xla.Options{Devices: -1}, nil, "-1 devices"},
		{"go", xla.Options{Devices: 2}, nil, "one device"},
		{"go", xla.Options{Plugin: text}, nil, "no plugin"},
		{"auto", xla.Options{Plugin: text}, nil, "name of its engine"},
		{"cpu", xla.Options{Plugin: "/no/such/plugin.so"}, xla.ErrNoPlugin, "/no/such/plugin.so"},
		{"cuda", xla.Options{Plugin: text}, xla.ErrNoPlugin, text + " is no shared library"},
		{"cpu", xla.Options{Plugin: pipe}, xla.ErrNoPlugin, pipe + " is no regular file"}, // to load one waits forever
		{"cpu", xla.Options{Plugin: filepath.Dir(text)}, xla.ErrNoPlugin, "is no regular file"},
		{"tpu", xla.Options{Plugin: "libm.so.6"}, xla.ErrNoPlugin, "libm.so.6"},
	} {
		e, err := xla.Open(test.engine, test.options)
		if err == nil {
			e.Close()
			t.Errorf("%s %+v opens", test.engine, test.options)
			continue
		}
		if test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %+v: got %v, want %q", test.engine, test.options, err, test.want)
		}
	}
}

// A plugin that is nowhere is both errors that a caller may look for, with the command that gets it.
func TestNoPlugin(t *testing.T) {
	for _, name := range []string{"HOME", "MOCOTPU_HOME", "PJRT_PLUGIN_LIBRARY_PATH"} {
		t.Setenv(name, t.TempDir())
	}
	_, err := xla.Open("tpu", xla.Options{})
	if !errors.Is(err, xla.ErrNoPlugin) || !errors.Is(err, setup.ErrNotInstalled) || !strings.Contains(err.Error(), "mocotpu setup tpu") {
		t.Errorf("got %v, want ErrNoPlugin and ErrNotInstalled with the command", err)
	}
}

// auto opens something on every machine and says why it was nothing better.
func TestOpenAuto(t *testing.T) {
	e := must.M1(xla.Open("auto", xla.Options{}))
	defer e.Close()
	order := []string{"tpu", "cuda", "cpu", "go"}
	if n := len(e.Skipped()); n >= len(order) || e.EngineName() != order[n] {
		t.Fatalf("got %s after %d engines were skipped: %v", e.EngineName(), n, e.Skipped())
	}
	for i, err := range e.Skipped() {
		if !strings.HasPrefix(err.Error(), order[i]+": ") {
			t.Errorf("skipped %d: %v, want %s", i, err, order[i])
		}
	}
}
