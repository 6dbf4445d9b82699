package xla_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/setup"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// outcome is what a process sees of a program: its results, and what is read of it.
type outcome struct {
	losses           []float32
	state, optimized string
	memory           xla.Memory
	cost             map[string]float64
	compiled, loaded int
}

// runStored runs three donated steps on an engine of its own and closes it.
func runStored(t *testing.T, devices int, store *programs.Store) outcome {
	t.Helper()
	e := must.M1(xla.Open("cpu", xla.Options{Devices: devices, Programs: store}))
	defer e.Close()
	s := newStep(t, e, true)
	var o outcome
	for seed := range 3 {
		o.losses = append(o.losses, s.run(seed))
	}
	p := e.Programs()[0]
	var text strings.Builder
	must.M(must.M1(p.Optimized()).WriteText(&text))
	o.state, o.optimized, o.memory, o.cost = s.state(), text.String(), must.M1(p.Memory()), must.M1(p.Cost())
	if p.Loaded != (e.Loaded() == 1) || p.Marked != 3 {
		t.Errorf("program: loaded %t, %d arguments marked; %d programs are loaded", p.Loaded, p.Marked, e.Loaded())
	}
	o.compiled, o.loaded = e.Compiled(), e.Loaded()
	return o
}

// TestStored: what a second engine loads computes the same numbers, bit for bit, in the same memory, and reads the same.
func TestStored(t *testing.T) {
	xlatest.CPU(t, 1)
	for _, devices := range []int{1, 8} {
		store := &programs.Store{Dir: filepath.Join(t.TempDir(), "programs"), Told: func(err error) { t.Error(err) }}
		first, second := runStored(t, devices, store), runStored(t, devices, store)
		if first.compiled != 1 || first.loaded != 0 || second.compiled != 0 || second.loaded != 1 {
			t.Errorf("%d devices: compiled %d, loaded %d; then %d and %d", devices, first.compiled, first.loaded, second.compiled, second.loaded)
		}
		for i := range first.losses {
			if first.losses[i] != second.losses[i] || first.losses[i] == 0 {
				t.Errorf("%d devices, step %d: loss %v compiled, %v loaded", devices, i, first.losses[i], second.losses[i])
			}
		}
		if first.state != second.state {
			t.Errorf("%d devices: another state", devices)
		}
		if first.memory != second.memory || first.memory.Aliased != stateBytes || first.memory.Peak == 0 {
			t.Errorf("%d devices: memory %+v compiled, %+v loaded, want %d bytes aliased", devices, first.memory, second.memory, stateBytes)
		}
		if !maps.Equal(first.cost, second.cost) || first.cost["flops"] == 0 {
			t.Errorf("%d devices: cost %v compiled, %v loaded", devices, first.cost, second.cost)
		}
		if first.optimized != second.optimized {
			t.Errorf("%d devices: the optimized program is\n%s\nand loaded\n%s", devices, first.optimized, second.optimized)
		}
	}
}

// addStored compiles or loads x+c and runs it on an engine of its own; c is in the program's text.
func addStored(store *programs.Store, plugin string, c float64) (sum float32, compiled, loaded int, err error) {
	e, err := xla.Open("cpu", xla.Options{Plugin: plugin, Programs: store})
	if err != nil {
		return 0, 0, 0, err
	}
	defer e.Close()
	add, err := NewExec(e, func(x *Node) *Node { return AddScalar(x, c) })
	if err != nil {
		return 0, 0, 0, err
	}
	out, err := add.Call(tensors.FromScalar(float32(1)))
	if err != nil {
		return 0, 0, 0, err
	}
	return out[0].Value().(float32), e.Compiled(), e.Loaded(), nil
}

// TestStoredDamage: a file that is damaged, or that the plugin refuses, is compiled again, said once, and replaced.
func TestStoredDamage(t *testing.T) {
	xlatest.CPU(t, 1)
	var told []error
	dir := filepath.Join(t.TempDir(), "programs")
	open := func() *programs.Store {
		told = nil
		return &programs.Store{Dir: dir, Told: func(err error) { told = append(told, err) }}
	}
	add := func(what string, wantCompiled, wantTold int, wantText string) {
		t.Helper()
		sum, compiled, loaded, err := addStored(open(), "", 41)
		if err != nil || sum != 42 || compiled != wantCompiled || loaded != 1-wantCompiled || len(told) != wantTold {
			t.Fatalf("%s: got %v, %v, compiled %d, loaded %d, told %v", what, sum, err, compiled, loaded, told)
		}
		if wantTold > 0 && !strings.Contains(told[0].Error(), wantText) {
			t.Errorf("%s: told %v, want %q", what, told[0], wantText)
		}
	}
	add("first", 1, 0, "")
	add("second", 0, 0, "")
	files := must.M1(filepath.Glob(filepath.Join(dir, "*")))
	if len(files) != 1 {
		t.Fatalf("the folder holds %v", files)
	}
	whole := must.M1(os.ReadFile(files[0]))
	flip := func(at int) []byte {
		b := append([]byte(nil), whole...)
		b[at] ^= 0x10
		return b
	}
	n := len(whole)
	for what, content := range map[string][]byte{
		"empty": {}, "cut in the checksum": whole[:30], "cut in the middle": whole[:n/2], "cut by a byte": whole[:n-1],
		"flipped first": flip(0), "flipped in the checksum": flip(25), "flipped in the program": flip(n / 2), "flipped last": flip(n - 1),
	} {
		must.M(os.WriteFile(files[0], content, 0o600))
		add(what, 1, 1, "damaged")
		add(what+", then", 0, 0, "")
	}
	// Whole, but no program of this plugin's.
	key := strings.TrimSuffix(filepath.Base(files[0]), ".mocotpu-program")
	for _, content := range [][]byte{{}, []byte("no program"), whole[50 : n/2], whole[50 : n-10]} {
		must.M(open().Put(key, content))
		add(fmt.Sprintf("%d bytes refused", len(content)), 1, 1, "compiled again: the plugin refuses what is stored")
		add("then", 0, 0, "")
	}
}

// TestStoreOutOfOrder: a folder that cannot be used costs compiling, and is told once.
func TestStoreOutOfOrder(t *testing.T) {
	xlatest.CPU(t, 1)
	file := filepath.Join(t.TempDir(), "file")
	must.M(os.WriteFile(file, nil, 0o600))
	open := filepath.Join(t.TempDir(), "open")
	must.M(os.Mkdir(open, 0o700))
	must.M(os.Chmod(open, 0o777))
	for _, test := range []struct {
		store *programs.Store
		want  string
	}{
		{&programs.Store{Dir: filepath.Join(file, "below")}, "not a directory"},
		{&programs.Store{Dir: open}, "others may write to it"},
		{&programs.Store{Dir: filepath.Join(t.TempDir(), "small"), Limit: 100}, "want at most the 100"},
	} {
		var told []error
		test.store.Told = func(err error) { told = append(told, err) }
		for range 2 {
			if sum, compiled, loaded, err := addStored(test.store, "", 41); err != nil || sum != 42 || compiled != 1 || loaded != 0 {
				t.Errorf("%s: got %v, %v, compiled %d, loaded %d", test.store.Dir, sum, err, compiled, loaded)
			}
		}
		if len(told) != 1 || !strings.Contains(told[0].Error(), test.want) {
			t.Errorf("%s: told %v, want %q once", test.store.Dir, told, test.want)
		}
	}
}

// TestStoredByWhom: programs are exchanged between processes of one plugin and one environment, and with nobody else.
func TestStoredByWhom(t *testing.T) {
	const variable = "STORED_CHILD"
	dir := os.Getenv(variable)
	if dir != "" {
		store := &programs.Store{Dir: dir, Told: func(err error) { t.Error(err) }}
		sum, compiled, loaded, err := addStored(store, os.Getenv(variable+"_PLUGIN"), 41)
		fmt.Printf("CHILD sum %v compiled %d loaded %d error %v\n", sum, compiled, loaded, err)
		return
	}
	xlatest.CPU(t, 1)
	dir = filepath.Join(t.TempDir(), "programs")
	run := func(environment ...string) string {
		c := exec.Command(os.Args[0], "-test.run=^TestStoredByWhom$")
		c.Env = append(append(os.Environ(), variable+"="+dir), environment...)
		out, err := c.CombinedOutput()
		_, said, _ := strings.Cut(string(out), "CHILD ")
		said, _, _ = strings.Cut(said, "\n")
		if err != nil {
			t.Errorf("%v: %v\n%s", environment, err, out)
		}
		return said
	}
	const compiled, loaded = "sum 42 compiled 1 loaded 0 error <nil>", "sum 42 compiled 0 loaded 1 error <nil>"
	// Four processes begin at once.
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if said := run(); said != compiled && said != loaded {
				t.Errorf("one of four: got %q", said)
			}
		})
	}
	wait.Wait()
	flags := filepath.Join(t.TempDir(), "flags")
	must.M(os.WriteFile(flags, []byte("--xla_cpu_enable_fast_math=true"), 0o600))
	for _, test := range []struct {
		name        string
		environment []string
		want        string
	}{
		{"the same again", nil, loaded},
		{"a flag", []string{"XLA_FLAGS=--xla_cpu_multi_thread_eigen=false"}, compiled},
		{"the same flag", []string{"XLA_FLAGS=--xla_cpu_multi_thread_eigen=false"}, loaded},
		{"another value", []string{"XLA_FLAGS=--xla_cpu_multi_thread_eigen=true"}, compiled},
		{"a file of flags", []string{"XLA_FLAGS=" + flags}, compiled},
		{"the same file", []string{"XLA_FLAGS=" + flags}, loaded},
		{"a variable of TensorFlow's", []string{"TF_ENABLE_ONEDNN_OPTS=1"}, compiled},
		{"a variable of nobody's", []string{"MOCOTPU_NOTHING=1"}, loaded},
		{"a dump, which wants to see it compile", []string{"XLA_FLAGS=--xla_dump_to=" + t.TempDir()}, compiled},
		{"another copy of the plugin", []string{variable + "_PLUGIN=" + copyPlugin(t)}, compiled},
	} {
		if said := run(test.environment...); said != test.want {
			t.Errorf("%s: got %q, want %q", test.name, said, test.want)
		}
	}
	// Another file of the same name with the same content.
	must.M(os.WriteFile(flags, []byte("--xla_cpu_enable_fast_math=false"), 0o600))
	if said := run("XLA_FLAGS=" + flags); said != compiled {
		t.Errorf("the file of flags changed: got %q, want %q", said, compiled)
	}
}

// copyPlugin returns the installed plugin in a folder of its own, written just now.
func copyPlugin(t *testing.T) string {
	t.Helper()
	p := must.M1(setup.Find("cpu"))
	dir := t.TempDir()
	for _, e := range must.M1(os.ReadDir(p.Dir)) {
		from, to := filepath.Join(p.Dir, e.Name()), filepath.Join(dir, e.Name())
		if e.Name() == filepath.Base(p.Path) {
			must.M(os.WriteFile(to, must.M1(os.ReadFile(from)), 0o700))
		} else if strings.Contains(e.Name(), ".so") {
			must.M(os.Symlink(from, to))
		}
	}
	return filepath.Join(dir, filepath.Base(p.Path))
}

// TestNothingStored: an engine whose plugin cannot serialize does without, in silence.
func TestNothingStored(t *testing.T) {
	store := &programs.Store{Dir: filepath.Join(t.TempDir(), "programs"), Told: func(err error) { t.Error(err) }}
	e := must.M1(xla.Open("go", xla.Options{Programs: store}))
	defer e.Close()
	for range 2 {
		must.M1(must.M1(NewExec(e, func(x *Node) *Node { return Neg(x) })).Call(tensors.FromScalar(float32(1))))
	}
	if e.Compiled() != 2 || e.Loaded() != 0 {
		t.Errorf("compiled %d, loaded %d, want 2 and 0", e.Compiled(), e.Loaded())
	}
	if _, err := os.Stat(store.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}
