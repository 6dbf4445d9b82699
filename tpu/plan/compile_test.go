package plan_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// product compiles the product of two matrices of n rows.
func product(e *xla.Engine, n int) func() error {
	return func() error {
		exec, err := NewExec(e, func(x *Node) *Node { return Dot(x, x).General([]int{1}, nil, []int{1}, nil) })
		if err != nil {
			return err
		}
		defer exec.Finalize()
		_, err = exec.Compile(shapes.Make(dtypes.Float32, n, 8))
		return err
	}
}

// A compilation is kept, found again by the program and the target, and made again where its file is damaged.
func TestCompile(t *testing.T) {
	e := xlatest.CPU(t, 1)
	var told []error
	store := &programs.Store{Dir: filepath.Join(t.TempDir(), "compiled"), Told: func(err error) { told = append(told, err) }}
	compile := func(target string, n int) *plan.Compilation {
		t.Helper()
		c, err := plan.Compile(e, target, store, product(e, n))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := compile("cpu/1", 16)
	if first.Stored || !first.Fits() || first.Memory.Arguments != 4*16*8 || first.Memory.Outputs != 4*16*16 || first.Devices != 1 {
		t.Errorf("first compilation: %+v", first.Memory)
	}
	var text strings.Builder
	if m, err := first.Module(); err != nil || m.WriteText(&text) != nil || !strings.Contains(text.String(), "f32[16,16]") {
		t.Errorf("module: %v, want one with the product of 16 by 16:\n%s", err, text.String())
	}
	if !strings.Contains(first.Program, "stablehlo.dot_general") || first.HostBytes < 1<<20 {
		t.Errorf("program %q, %d bytes of host memory", first.Program, first.HostBytes)
	}
	again := compile("cpu/1", 16)
	if !again.Stored || again.Memory != first.Memory || string(again.Optimized) != string(first.Optimized) || again.Program != first.Program {
		t.Errorf("the second time: stored %t, memory %+v, want the first", again.Stored, again.Memory)
	}
	for _, other := range []*plan.Compilation{compile("cpu/1", 32), compile("another", 16)} {
		if other.Stored {
			t.Error("another program or target came from the store")
		}
	}
	files, _ := filepath.Glob(filepath.Join(store.Dir, "*"))
	if len(files) != 3 {
		t.Fatalf("%d files in the store, want 3: %q", len(files), files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text[:len(text)-9], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if compile("cpu/1", 16).Stored || len(told) != 1 || !errors.Is(told[0], programs.ErrDamaged) || !strings.Contains(told[0].Error(), "for cpu/1 is compiled again") {
		t.Errorf("a damaged file was believed, or not told: %v", told)
	}
	if !compile("cpu/1", 16).Stored {
		t.Error("a damaged file was not replaced")
	}
}

func TestCompileErrors(t *testing.T) {
	e := xlatest.CPU(t, 1)
	own := errors.New("own")
	for _, test := range []struct {
		name  string
		build func() error
		want  string
	}{
		{"nothing", func() error { return nil }, "nothing was compiled"},
		{"two programs", func() error { return errors.Join(product(e, 8)(), product(e, 9)()) }, "a second program"},
		{"its own", func() error { return own }, "own"},
	} {
		if _, err := plan.Compile(e, "cpu/1", nil, test.build); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	if err := product(e, 10)(); err != nil {
		t.Errorf("the engine compiles nothing any more: %v", err)
	}
}

// A store that is of no use costs time, and a notice.
func TestCompileWithoutStore(t *testing.T) {
	e := xlatest.CPU(t, 1)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var told []error
	store := &programs.Store{Dir: filepath.Join(file, "below"), Told: func(err error) { told = append(told, err) }}
	if c, err := plan.Compile(e, "cpu/1", store, product(e, 16)); err != nil || c.Stored || len(told) != 1 {
		t.Errorf("error %v, notices %v, want a compilation and a notice", err, told)
	}
}

// The environment variables that change what a compiler does are in the key, and both kinds of programs are apart.
func TestCompileKey(t *testing.T) {
	e := xlatest.CPU(t, 1)
	store := &programs.Store{Dir: t.TempDir()}
	for _, want := range []bool{false, true} {
		if c, err := plan.Compile(e, "cpu/1", store, product(e, 16)); err != nil || c.Stored != want {
			t.Errorf("stored %t, error %v, want %t", c.Stored, err, want)
		}
	}
	t.Setenv("LIBTPU_INIT_ARGS", "--x=1")
	if c, err := plan.Compile(e, "cpu/1", store, product(e, 16)); err != nil || c.Stored {
		t.Errorf("with other flags: stored %t, error %v, want another compilation", c.Stored, err)
	}
	flags := filepath.Join(t.TempDir(), "flags")
	t.Setenv("XLA_FLAGS", flags)
	for text, want := range map[string][]bool{"--xla_a=1": {false, true}, "--xla_a=2": {false, true}, "--xla_dump_to=/tmp/x": {false, false}} {
		if err := os.WriteFile(flags, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, want := range want {
			if c, err := plan.Compile(e, "cpu/1", store, product(e, 16)); err != nil || c.Stored != want {
				t.Errorf("%s: stored %t, error %v, want %t", text, c.Stored, err, want)
			}
		}
	}
}
