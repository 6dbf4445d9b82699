package xla_test

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/setup"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// The options arrive at the plugin by the names and types that XLA's GPU client knows (pjrt_c_api_gpu_internal.cc), past
// go-xla, which sets preallocate to false unless told otherwise.
func TestGPUOptionsArrive(t *testing.T) {
	plugin, fresh := filepath.Join(t.TempDir(), "options_plugin.so"), filepath.Join(t.TempDir(), "options_plugin.so")
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-o", plugin, "testdata/optionsplugin.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(fresh, must.M1(os.ReadFile(plugin)), 0o755); err != nil { // XLA reads its flags once, for the first client
		t.Fatal(err)
	}
	flags, set := os.LookupEnv("XLA_FLAGS")
	t.Setenv("GOPJRT_CUDA_CHECKS", "no") // there are no NVIDIA libraries beside it to warn of
	for _, test := range []struct {
		options xla.Options
		want    string
	}{
		{xla.Options{}, "preallocate=bool:0"},
		{xla.Options{Devices: 2}, "preallocate=bool:0 visible_devices=list:0:1"},
		{xla.Options{Devices: 1, GPU: engine.GPU{Devices: []int{3}}}, "preallocate=bool:0 visible_devices=list:3"},
		{
			xla.Options{GPU: engine.GPU{Devices: []int{2, 0}, MemoryFraction: 0.5, Preallocate: true, Allocator: "cuda_async", CollectiveMemory: 256}},
			"allocator=string:cuda_async collective_memory_size=int64:268435456 memory_fraction=float:0.5 preallocate=bool:1 visible_devices=list:2:0",
		},
		{
			xla.Options{Plugin: fresh, Processes: &xla.Processes{Index: 1, Count: 2, Store: memoryStore{}}},
			"flags:xla_gpu_shard_autotuning=false get:4:two late:4 node_id=int64:1 num_nodes=int64:2 preallocate=bool:0 put:1 try:5",
		},
	} {
		test.options.Plugin = cmp.Or(test.options.Plugin, plugin)
		_, err := xla.Open("cuda", test.options)
		var failed *xla.Error
		if !errors.As(err, &failed) || failed.Code != xla.NotFound {
			t.Fatalf("%+v: %v, want the plugin's refusal", test.options, err)
		}
		words := strings.Fields(failed.Msg)
		at := slices.Index(words, "options")
		if at < 0 {
			t.Fatalf("%+v: the plugin says %q", test.options, failed.Msg)
		}
		words = words[at+1:]
		slices.Sort(words)
		if got := strings.Join(words, " "); got != test.want {
			t.Errorf("%+v: the plugin got\n%s, want\n%s", test.options, got, test.want)
		}
	}
	if now, still := os.LookupEnv("XLA_FLAGS"); now != flags || still != set {
		t.Errorf("XLA_FLAGS is %q afterwards, want %q", now, flags)
	}
}

// The plugin itself knows every option by its name and type: what it refuses is the machine, which has no GPU, or nothing. So does
// each plugin in the list MOCOTPU_TEST_PLUGINS: 0.10.2, 0.11.2 and 0.12.0.1 of CUDA 13 and 0.12.0.1 of CUDA 12 did.
func TestPluginKnowsGPUOptions(t *testing.T) {
	xlatest.CUDACompiler(t)
	installed, err := setup.Find("cuda")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOPJRT_CUDA_CHECKS", "no")
	for _, plugin := range append(filepath.SplitList(os.Getenv("MOCOTPU_TEST_PLUGINS")), installed.Path) {
		for _, g := range []engine.GPU{
			{},
			{Devices: []int{0}, MemoryFraction: 0.5, Preallocate: true, Allocator: "bfc", CollectiveMemory: 1},
			{Allocator: "cuda_async"},
			{Allocator: "platform"},
		} {
			e, err := xla.Open("cuda", xla.Options{Plugin: plugin, GPU: g})
			if err == nil {
				e.Close()
				continue
			}
			if errors.Is(err, xla.ErrOptions) || !strings.Contains(err.Error(), "No visible GPU devices") {
				t.Errorf("%s, %+v: %v, want all options known", plugin, g, err)
			}
		}
	}
}

// memoryStore is a store without other processes.
type memoryStore map[string][]byte

func (s memoryStore) Get(key string, timeout time.Duration) ([]byte, error) {
	v, ok := s[key]
	switch {
	case ok:
		return v, nil
	case timeout > 0:
		return nil, context.DeadlineExceeded
	}
	return nil, fs.ErrNotExist
}

func (s memoryStore) Put(key string, value []byte) error {
	s[key] = value
	return nil
}

func TestGPUValidate(t *testing.T) {
	for _, g := range []engine.GPU{
		{},
		{Devices: []int{1, 0}, MemoryFraction: 1, Preallocate: true, Allocator: "bfc"},
		{Allocator: "platform"},
		{MemoryFraction: 0.01, Allocator: "cuda_async", CollectiveMemory: 1},
	} {
		if err := g.Validate(); err != nil {
			t.Errorf("%+v: %v, want no error", g, err)
		}
	}
	for _, test := range []struct {
		gpu  engine.GPU
		want string
	}{
		{engine.GPU{Devices: []int{0, -1}}, "devices is [0 -1]"},
		{engine.GPU{Devices: []int{1, 1}}, "each once"},
		{engine.GPU{MemoryFraction: 1.5}, "memory_fraction is 1.5"},
		{engine.GPU{MemoryFraction: -0.5}, "memory_fraction is -0.5"},
		{engine.GPU{MemoryFraction: math.NaN()}, "memory_fraction is NaN"},
		{engine.GPU{Allocator: "default"}, `allocator is "default", want one of bfc, cuda_async, platform`},
		{engine.GPU{Allocator: "platform", MemoryFraction: 0.5}, "has no memory fraction"},
		{engine.GPU{Allocator: "platform", Preallocate: true}, "does not preallocate"},
		{engine.GPU{CollectiveMemory: -1}, "collective_memory is -1 MiB"},
	} {
		_, err := xla.Open("cuda", xla.Options{GPU: test.gpu})
		if err == nil || errors.Is(err, xla.ErrNoPlugin) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %q before anything is opened", test.gpu, err, test.want)
		}
	}
	for _, name := range []string{"go", "cpu", "tpu", "auto"} {
		if _, err := xla.Open(name, xla.Options{GPU: engine.GPU{MemoryFraction: 0.5}}); err == nil || !strings.Contains(err.Error(), "are for the cuda engine") {
			t.Errorf("%s: error %v, want a refusal of GPU options", name, err)
		}
	}
}
