package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The order of the three places, by what is found as each is filled, from the last to the first.
func TestFindOrder(t *testing.T) {
	root, _ := sandbox(t)
	library := sharedLibrary(t, "GetPjrtApi")
	folder := t.TempDir()
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "/nowhere::"+folder)
	steps := []struct{ file, version string }{
		{filepath.Join(os.Getenv("HOME"), ".local/lib/go-xla/pjrt_c_api_cpu_v0.100.0_plugin.so"), ""},
		{filepath.Join(root, "plugins/cpu/mine.so"), "1"},
		{filepath.Join(folder, "pjrt_c_api_cpu_plugin.so"), ""},
	}
	if _, err := Find("cpu"); !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "`mocotpu setup cpu`") {
		t.Errorf("nothing there: got %v, want ErrNotInstalled and the command", err)
	}
	for _, step := range steps {
		writeFile(t, step.file, library)
		if step.version != "" {
			if err := writeMarker(filepath.Dir(step.file), marker{Version: step.version, Path: filepath.Base(step.file)}); err != nil {
				t.Fatal(err)
			}
		}
		want := Plugin{Engine: "cpu", Path: step.file, Dir: filepath.Dir(step.file), Version: step.version}
		if got, err := Find("cpu"); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if p, err := Find("tpu"); err == nil {
		t.Errorf("tpu: got %+v, want an error: only cpu is there", p)
	}
}

func TestFindNames(t *testing.T) {
	tests := []struct {
		file, engine string
		want         bool
	}{
		{"pjrt_c_api_cuda_plugin.so", "cuda", true},
		{"pjrt_c_api_cuda13_plugin.so", "cuda", true},
		{"pjrt_plugin_tpu.so", "tpu", true},
		{"pjrt-plugin-cpu.so", "cpu", true},
		{"pjrt_c_api_cpu_plugin.so.bak", "cpu", false},
		{"pjrt_c_api_cpux_plugin.so", "cpu", false},
		{"libtpu.so", "tpu", false},
	}
	for _, test := range tests {
		sandbox(t)
		folder := t.TempDir()
		t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", folder)
		writeFile(t, filepath.Join(folder, test.file), sharedLibrary(t, "GetPjrtApi"))
		if _, err := Find(test.engine); (err == nil) != test.want {
			t.Errorf("%s as %s: got %v, want found: %v", test.file, test.engine, err, test.want)
		}
	}
}

func TestFindPassesOverBadFiles(t *testing.T) {
	sandbox(t)
	bad, good := t.TempDir(), t.TempDir()
	link := filepath.Join(bad, "pjrt_c_api_cpu_plugin.so")
	if err := os.Symlink("/nowhere/plugin.so", link); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(bad, "pjrt_plugin_cpu.so")
	writeFile(t, text, []byte("not a library"))
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", bad)
	_, err := Find("cpu")
	if !errors.Is(err, ErrNotInstalled) {
		t.Fatalf("got %v, want ErrNotInstalled", err)
	}
	for _, want := range []string{link + " is a link to /nowhere/plugin.so", text + " is no shared library"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", bad+":"+good)
	path := filepath.Join(good, "pjrt_c_api_cpu_plugin.so")
	writeFile(t, path, sharedLibrary(t, "GetPjrtApi"))
	if p, err := Find("cpu"); err != nil || p.Path != path {
		t.Errorf("got %+v, %v, want %s", p, err, path)
	}
}

func TestRoot(t *testing.T) {
	tests := []struct{ mocotpu, xdg, want string }{
		{"/a", "/b", "/a"},
		{"", "/b", "/b/mocotpu"},
		{"", "relative", "/home/u/.local/share/mocotpu"},
		{"", "", "/home/u/.local/share/mocotpu"},
	}
	for _, test := range tests {
		t.Setenv("HOME", "/home/u")
		t.Setenv("MOCOTPU_HOME", test.mocotpu)
		t.Setenv("XDG_DATA_HOME", test.xdg)
		if got, err := root(); err != nil || got != test.want {
			t.Errorf("MOCOTPU_HOME=%q XDG_DATA_HOME=%q: got %q, %v, want %q", test.mocotpu, test.xdg, got, err, test.want)
		}
	}
}
