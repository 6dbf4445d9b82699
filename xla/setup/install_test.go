package setup

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla/cpuplugin"
)

// tpuIndex pins a fake libtpu and returns the folder that pip finds it in.
func tpuIndex(t *testing.T, version string) (index string) {
	t.Helper()
	index = t.TempDir()
	set(t, &tpuWheels, []wheel{fakeWheel(t, index, "libtpu", version, map[string][]byte{
		"libtpu/libtpu.so": sharedLibrary(t, "Other", "GetPjrtApi"), "libtpu/LICENSE": []byte("no"),
	})})
	return index
}

func TestInstallThenOffline(t *testing.T) {
	root, bin := sandbox(t)
	python := &fakePython{index: tpuIndex(t, "1.0")}
	python.install(t, bin)
	var said []string
	got, err := Install(t.Context(), "tpu", Options{Progress: func(s string) { said = append(said, s) }})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "plugins", "tpu")
	want := Plugin{Engine: "tpu", Path: filepath.Join(dir, tpuPath), Dir: dir, Version: "libtpu-1.0"}
	if got != want {
		t.Errorf("Install: got %+v, want %+v", got, want)
	}
	if got, want := files(t, root), []string{"plugins/tpu/installed.json", "plugins/tpu/" + tpuPath}; !slices.Equal(got, want) {
		t.Errorf("installed: got %v, want %v", got, want)
	}
	if len(said) == 0 || !strings.Contains(said[0], "libtpu 1.0") {
		t.Errorf("progress: got %q, want the name of what is downloaded", said)
	}
	if found, err := Find("tpu"); err != nil || found != want {
		t.Errorf("Find: got %+v, %v, want %+v", found, err, want)
	}

	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	calls := len(python.calls(t))
	again, err := Install(t.Context(), "tpu", Options{})
	if err != nil || again != want {
		t.Errorf("second Install: got %+v, %v, want %+v", again, err, want)
	}
	if n := len(python.calls(t)); n != calls {
		t.Errorf("second Install: ran python3 %d times, want 0", n-calls)
	}
	if after, err := os.Stat(dir); err != nil || !os.SameFile(before, after) {
		t.Errorf("second Install: the folder was replaced (%v)", err)
	}
}

func TestInstallReplacesAnotherVersion(t *testing.T) {
	root, bin := sandbox(t)
	python := &fakePython{index: tpuIndex(t, "1.0")}
	python.install(t, bin)
	if _, err := Install(t.Context(), "tpu", Options{}); err != nil {
		t.Fatal(err)
	}
	index := tpuIndex(t, "2.0")
	if _, err := Install(t.Context(), "tpu", Options{}); err == nil {
		t.Fatal("an index without the new version: got no error")
	}
	if p, err := Find("tpu"); err != nil || p.Version != "libtpu-1.0" {
		t.Errorf("after the failure: got %+v, %v, want the old version", p, err)
	}
	python.index = index
	python.install(t, bin)
	if p, err := Install(t.Context(), "tpu", Options{}); err != nil || p.Version != "libtpu-2.0" {
		t.Errorf("got %+v, %v, want libtpu-2.0", p, err)
	}
	if got := files(t, root); len(got) != 2 {
		t.Errorf("got %v, want the new version's two files only", got)
	}
}

// Each failure says what to do, and leaves nothing.
func TestInstallFailures(t *testing.T) {
	tests := []struct {
		name   string
		python *fakePython // nil: not there
		spoil  func(t *testing.T, index string)
		want   error
		advice string
	}{
		{"no python", nil, nil, errNoPython, "apt-get install python3"},
		{"no pip", &fakePython{noPip: true}, nil, errNoPip, "apt-get install python3-pip"},
		{"no network", &fakePython{}, nil, errNetwork, "check the network"},
		{"wrong checksum", &fakePython{}, func(t *testing.T, index string) {
			set(t, &tpuWheels[0].sha256, strings.Repeat("0", 64))
		}, errChecksum, "want 000"},
		{"another file", &fakePython{}, func(t *testing.T, index string) {
			if err := os.Rename(filepath.Join(index, tpuWheels[0].file), filepath.Join(index, "x.whl")); err != nil {
				t.Fatal(err)
			}
		}, os.ErrNotExist, "pip did not bring"},
		{"no plugin in it", &fakePython{}, func(t *testing.T, index string) {
			set(t, &tpuWheels, []wheel{fakeWheel(t, index, "libtpu", "1.0", map[string][]byte{
				"libtpu/libtpu.so": sharedLibrary(t, "Other"),
			})})
		}, errNotPlugin, "does not export GetPjrtApi"},
		{"does not load", &fakePython{cannot: true}, func(*testing.T, string) {}, errNotPlugin, "cannot open shared object"},
		{"no space", &fakePython{}, func(t *testing.T, index string) {
			set(t, &tpuWheels[0].unpacked, 1<<60)
		}, errDiskSpace, "MOCOTPU_HOME"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root, bin := sandbox(t)
			index := tpuIndex(t, "1.0")
			if test.spoil != nil {
				test.python.index = index
				test.spoil(t, index)
			}
			if test.python != nil {
				test.python.install(t, bin)
			}
			_, err := Install(t.Context(), "tpu", Options{})
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if !strings.Contains(err.Error(), test.advice) {
				t.Errorf("got %q, want it to say %q", err, test.advice)
			}
			if got := files(t, root); len(got) != 0 {
				t.Errorf("left %v, want nothing", got)
			}
			if _, err := Find("tpu"); !errors.Is(err, ErrNotInstalled) {
				t.Errorf("Find: got %v, want ErrNotInstalled", err)
			}
		})
	}
}

func TestInterruptedInstall(t *testing.T) {
	root, bin := sandbox(t)
	(&fakePython{index: tpuIndex(t, "1.0")}).install(t, bin)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Install(ctx, "tpu", Options{Progress: func(string) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := files(t, root); len(got) != 0 {
		t.Errorf("left %v, want nothing", got)
	}
	// What a killed process leaves: it is not found, and the next installation removes it.
	writeFile(t, filepath.Join(root, "plugins", ".tpu-123", tpuPath), sharedLibrary(t, "GetPjrtApi"))
	if _, err := Find("tpu"); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("Find: got %v, want ErrNotInstalled", err)
	}
	if _, err := Install(t.Context(), "tpu", Options{}); err != nil {
		t.Fatal(err)
	}
	if got := files(t, root); len(got) != 2 {
		t.Errorf("got %v, want the installation's two files only", got)
	}
}

// fakeCPUWheels pins wheels of TensorFlow and oneDNN that have little in them, and returns their folder.
func fakeCPUWheels(t *testing.T) string {
	t.Helper()
	index := t.TempDir()
	set(t, &tensorflowWheel, fakeWheel(t, index, "tensorflow_cpu", cpuplugin.TensorFlowVersion, map[string][]byte{
		"tensorflow/include/xla/a.h":                 []byte("\n"),
		"tensorflow/" + cpuplugin.Libraries[0]:       []byte("x"),
		"tensorflow/" + cpuplugin.Libraries[1]:       []byte("x"),
		"tensorflow/python/large.so":                 []byte("x"),
		"tensorflow/include/tensorflow/a/second.h":   []byte("\n"),
		"tensorflow_cpu-2.21.0.dist-info/LICENSE":    []byte("\n"),
		"tensorflow/include_not/x":                   []byte("\n"),
		"tensorflow/lite/libtensorflow_cc.so.2":      []byte("x"),
		"elsewhere/tensorflow/libtensorflow_cc.so.2": []byte("x"),
	}))
	set(t, &onednnWheel, fakeWheel(t, index, "onednn_cpu_gomp", cpuplugin.OneDNNVersion, map[string][]byte{
		"onednn_cpu_gomp-2023.2.0.data/data/lib/" + cpuplugin.OneDNNLibrary: []byte("x"),
		"onednn_cpu_gomp-2023.2.0.data/data/lib/libdnnl.so":                 []byte("x"),
	}))
	return index
}

// Our own plugin is built where there is a compiler, also in the place of go-xla's; of the wheels only the libraries stay.
func TestInstallCPU(t *testing.T) {
	root, bin := sandbox(t)
	archive := prebuiltArchive(t, map[string][]byte{"pjrt_c_api_cpu_v1_plugin.so": sharedLibrary(t, "GetPjrtApi")})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(archive) }))
	defer server.Close()
	set(t, &prebuiltURL, server.URL+"/plugin.tar.gz")
	(&fakePython{index: fakeCPUWheels(t)}).install(t, bin)
	if p, err := Install(t.Context(), "cpu", Options{}); err != nil || p.Version != "go-xla-"+prebuiltVersion {
		t.Fatalf("without a compiler: got %+v, %v, want go-xla's plugin", p, err)
	}
	built := filepath.Join(t.TempDir(), "built")
	writeFile(t, built, sharedLibrary(t, "GetPjrtApi"))
	writeFile(t, filepath.Join(bin, "g++"), []byte(`#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
/bin/cp `+built+` "$out"
`))
	if p, err := Install(t.Context(), "cpu", Options{}); err != nil || p.Version != cpuplugin.Version(cpuplugin.HasGloo(t.Context())) {
		t.Errorf("with a compiler: got %+v, %v, want our own plugin", p, err)
	}
	want := []string{"plugins/cpu/installed.json"}
	for _, name := range append([]string{cpuplugin.FileName}, cpuplugin.Libraries...) {
		want = append(want, "plugins/cpu/"+name)
	}
	slices.Sort(want)
	if got := files(t, root); !slices.Equal(got, want) {
		t.Errorf("installed %v, want %v", got, want)
	}
}

// Neither g++ nor the prebuilt plugin: nothing is downloaded, nothing stays, and the error names both ways that failed.
func TestInstallCPUWithoutCompiler(t *testing.T) {
	root, bin := sandbox(t)
	set(t, &prebuiltURL, "http://127.0.0.1:1/plugin.tar.gz")
	python := &fakePython{index: fakeCPUWheels(t)}
	python.install(t, bin)
	_, err := Install(t.Context(), "cpu", Options{})
	if !errors.Is(err, cpuplugin.ErrNoCompiler) {
		t.Fatalf("got %v, want %v", err, cpuplugin.ErrNoCompiler)
	}
	for _, want := range []string{"apt-get install g++", "prebuilt"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
	if got := python.calls(t); len(got) != 1 || got[0] != "" {
		t.Errorf("python3 was called: %q", got)
	}
	if got := files(t, root); len(got) != 0 {
		t.Errorf("left %v, want nothing", got)
	}
}

func TestInstallUserPlugin(t *testing.T) {
	_, bin := sandbox(t)
	(&fakePython{index: tpuIndex(t, "1.0")}).install(t, bin)
	path := filepath.Join(t.TempDir(), "mine.so")
	writeFile(t, path, []byte("text"))
	if _, err := Install(t.Context(), "tpu", Options{Plugin: path}); !errors.Is(err, errNotPlugin) {
		t.Errorf("a text file: got %v, want ErrNotPlugin", err)
	}
	if _, err := Install(t.Context(), "tpu", Options{Plugin: path + ".gone"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v, want os.ErrNotExist", err)
	}
	writeFile(t, path, sharedLibrary(t, "GetPjrtApi"))
	if p, err := Install(t.Context(), "tpu", Options{Plugin: path}); err != nil || p.Path != path {
		t.Errorf("got %+v, %v, want %s", p, err, path)
	}
	if p, err := Install(t.Context(), "tpu", Options{}); err != nil || p.Path != path {
		t.Errorf("Install without a path: got %+v, %v, want %s, which was recorded", p, err, path)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if p, err := Install(t.Context(), "tpu", Options{}); err != nil || p.Version != "libtpu-1.0" {
		t.Errorf("Install after the file went: got %+v, %v, want libtpu-1.0", p, err)
	}
}

func TestUnknownEngine(t *testing.T) {
	sandbox(t)
	if _, err := Install(t.Context(), "gpu", Options{}); err == nil || !strings.Contains(err.Error(), "cpu, cuda, tpu") {
		t.Errorf("Install: got %v, want the known engines", err)
	}
	if _, err := Find("gpu"); err == nil || errors.Is(err, ErrNotInstalled) {
		t.Errorf("Find: got %v, want an error that is not ErrNotInstalled", err)
	}
}

// To compile only, three of cuda's wheels are enough; the whole engine takes their place, and then is left alone.
func TestInstallCompileOnly(t *testing.T) {
	root, bin := sandbox(t)
	index := t.TempDir()
	set(t, &cudaWheels, []wheel{
		fakeWheel(t, index, "jax-cuda13-pjrt", "1.0", map[string][]byte{"jax_plugins/xla_cuda13/xla_cuda_plugin.so": sharedLibrary(t, "GetPjrtApi")}),
		fakeWheel(t, index, "nvidia-cublas", "2.0", map[string][]byte{"nvidia/cu13/lib/libcublas.so.13": []byte("library")}),
		fakeWheel(t, index, "nvidia-cuda-nvcc", "3.0", map[string][]byte{"nvidia/cu13/bin/ptxas": []byte("program"), "nvidia/cu13/bin/nvcc": []byte("no")}),
		fakeWheel(t, index, "nvidia-nvvm", "3.0", map[string][]byte{"nvidia/cu13/nvvm/libdevice/libdevice.10.bc": []byte("code")}),
	})
	python := &fakePython{index: index}
	python.install(t, bin)
	p, err := Install(t.Context(), "cuda", Options{CompileOnly: true})
	if err != nil || !p.CompileOnly || p.Version != "jax-cuda13-pjrt-1.0" {
		t.Fatalf("got %+v, %v", p, err)
	}
	want := []string{"installed.json", "nvidia/cu13/bin/ptxas", "nvidia/cu13/nvvm/libdevice/libdevice.10.bc", cudaPath}
	if got := files(t, filepath.Join(root, "plugins", "cuda")); !slices.Equal(got, want) {
		t.Errorf("installed %v, want %v", got, want)
	}
	for _, row := range Doctor(nil) {
		if row.Engine == "cuda" && (row.Status != "compiles" || row.Usable() || row.Get != "mocotpu setup cuda (installed to compile only)") {
			t.Errorf("doctor: %+v", row)
		}
	}
	calls := len(python.calls(t))
	if again, err := Install(t.Context(), "cuda", Options{CompileOnly: true}); err != nil || again != p || len(python.calls(t)) != calls {
		t.Errorf("second Install: got %+v, %v", again, err)
	}
	for _, only := range []bool{false, true} {
		whole, err := Install(t.Context(), "cuda", Options{CompileOnly: only})
		if _, missing := os.Stat(filepath.Join(root, "plugins", "cuda", "nvidia/cu13/lib/libcublas.so.13")); err != nil || whole.CompileOnly || missing != nil {
			t.Errorf("to compile only %t: got %+v, %v, %v", only, whole, err, missing)
		}
	}
	for _, engine := range []string{"cpu", "tpu"} {
		if _, err := Install(t.Context(), engine, Options{CompileOnly: true}); err == nil || !strings.Contains(err.Error(), "is for cuda") {
			t.Errorf("%s: got %v", engine, err)
		}
	}
}

// What is said of a plugin does not promise an engine where only the compiler is there.
func TestReady(t *testing.T) {
	p := Plugin{Engine: "cuda", Path: "/p/cuda.so", Version: "1", CompileOnly: true}
	if got, want := p.Ready(), "cuda compiler ready: /p/cuda.so (1)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.CompileOnly = false
	if got, want := p.Ready(), "cuda engine ready: /p/cuda.so (1)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
