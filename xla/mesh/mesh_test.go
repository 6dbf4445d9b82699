package mesh_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	. "github.com/gomlx/gomlx/support/exceptions"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/mesh"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// The tests' program has 16 images of 3 numbers, split, and a scale of 3, replicated.
const (
	batch = 16
	width = 3
)

func inputs() []mesh.Input {
	return []mesh.Input{
		{Shape: shapes.Make(dtypes.Float32, batch, width)},
		{Shape: shapes.Make(dtypes.Float32, width), Replicated: true},
	}
}

// values are the inputs of a run: small whole numbers, so that no order of summing rounds.
func values(run int) (images, scale []float32) {
	for i := range batch * width {
		images = append(images, float32(i%7+run))
	}
	return images, []float32{1, 2, 4}
}

func arguments(run int) []*tensors.Tensor {
	images, scale := values(run)
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(images, batch, width), tensors.FromFlatDataAndDimensions(scale, width),
	}
}

// newStore holds four variables of one shape, in this order.
func newStore() *model.Store {
	store := model.NewStore()
	for i, name := range []string{"idle", "offset", "sum", "count"} {
		first := float32(10 * i)
		store.RootScope().VariableWithValue(name, []float32{first, first + 1, first + 2})
	}
	return store
}

// build uses the variables in another order than the store's, and none of "idle". It returns images*scale + offset and the
// sum of the images.
func build(scope *model.Scope, in []*Node) []*Node {
	images, scale := in[0], in[1]
	g := images.Graph()
	count, offset, sum := scope.GetVariable("count"), scope.GetVariable("offset"), scope.GetVariable("sum")
	count.SetNodeValue(AddScalar(count.NodeValue(g), 1))
	out := Add(Mul(images, Reshape(scale, 1, width)), Reshape(offset.NodeValue(g), 1, width))
	sum.SetNodeValue(Add(sum.NodeValue(g), ReduceSum(images, 0)))
	return []*Node{out, ReduceAllSum(images)}
}

// engines are those that a program runs on: the go engine, and XLA's with one device and with eight.
func engines(t *testing.T, f func(t *testing.T, m *mesh.Mesh)) {
	t.Run("go", func(t *testing.T) { f(t, must.M1(mesh.New(xlatest.Go(t), 1))) })
	t.Run("cpu", func(t *testing.T) { f(t, must.M1(mesh.New(xlatest.CPU(t, 1), 1))) })
	t.Run("cpu8", func(t *testing.T) { f(t, must.M1(mesh.New(xlatest.CPU(t, 8), 8))) })
}

// variable reads a variable in both ways there are, which must agree.
func variable(t *testing.T, m *mesh.Mesh, store *model.Store, name string) []float32 {
	t.Helper()
	v := store.RootScope().GetVariable(name)
	flat := make([]float32, width)
	if err := m.CopyVariable(flat, v); err != nil {
		t.Fatal(err)
	}
	if whole := tensors.MustCopyFlatData[float32](must.M1(v.Value())); !slices.Equal(whole, flat) {
		t.Fatalf("%s is %v, CopyVariable gives %v", name, whole, flat)
	}
	return flat
}

// TestRun holds three runs to their closed form: what goes in split or replicated comes out whole, and what the graph sets
// is there in the next run and after the last.
func TestRun(t *testing.T) {
	engines(t, func(t *testing.T, m *mesh.Mesh) {
		store, e := newStore(), m.Backend().(*xla.Engine)
		before := xlatest.Programs(e)
		p, err := m.Compile("test", store, inputs(), build)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		sum, count := []float32{20, 21, 22}, []float32{30, 31, 32}
		for run := range 3 {
			args := arguments(run)
			out, err := p.Run(args...)
			if err != nil {
				t.Fatal(err)
			}
			images, scale := values(run)
			want, total := make([]float32, len(images)), float32(0)
			for i, x := range images {
				want[i] = x*scale[i%width] + []float32{10, 11, 12}[i%width]
				sum[i%width] += x
				total += x
			}
			for i := range count {
				count[i]++
			}
			if len(out) != 2 || !slices.Equal(out[0].Shape().Dimensions, []int{batch, width}) {
				t.Fatalf("run %d: %d outputs, the first %v, want 2, [%d,%d]", run, len(out), out[0].Shape(), batch, width)
			}
			if got := tensors.MustCopyFlatData[float32](out[0]); !slices.Equal(got, want) {
				t.Errorf("run %d: got %v, want %v", run, got, want)
			}
			if got := out[1].Value().(float32); got != total {
				t.Errorf("run %d: sum %v, want %v", run, got, total)
			}
			for i, arg := range args {
				if arg.Ok() {
					t.Errorf("run %d: argument %d was not freed", run, i)
				}
			}
		}
		if n := xlatest.Programs(e) - before; n != 1 {
			t.Errorf("compiled %d programs, want 1: what runs is what was compiled", n)
		}
		for name, want := range map[string][]float32{
			"idle": {0, 1, 2}, "offset": {10, 11, 12}, "sum": sum, "count": count,
		} {
			if got := variable(t, m, store, name); !slices.Equal(got, want) {
				t.Errorf("%s is %v after the runs, want %v", name, got, want)
			}
		}
		if m.Devices() == 1 {
			return
		}
		d := must.M1(store.RootScope().GetVariable("sum").DistributedValue())
		if len(d.Shards()) != m.Devices() {
			t.Fatalf("%d copies of a variable, want one for each of %d devices", len(d.Shards()), m.Devices())
		}
		for i, shard := range d.Shards() {
			if got := tensors.MustCopyFlatData[float32](shard); !slices.Equal(got, sum) {
				t.Errorf("device %d has %v, want %v", i, got, sum)
			}
		}
	})
}

// TestMemory reads from the compiled program that a device gets its share of the split input and all of the rest, and that
// exactly the variables that the graph sets are updated in place.
func TestMemory(t *testing.T) {
	for _, devices := range []int{1, 8} {
		e := xlatest.CPU(t, devices)
		p, err := must.M1(mesh.New(e, devices)).Compile("test", newStore(), inputs(), build)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		programs := e.Programs()
		program := programs[len(programs)-1]
		if program.Devices != devices || program.Marked != 2 || len(program.Ignored) != 0 {
			t.Errorf("%d devices: a program for %d with %d arguments donated, ignored %q, want 2 and none",
				devices, program.Devices, program.Marked, program.Ignored)
		}
		const row = 4 * width // bytes
		memory := must.M1(program.Memory())
		if want := int64(batch/devices*row + row + 3*row); memory.Arguments != want {
			t.Errorf("%d devices: %d bytes of arguments each, want %d", devices, memory.Arguments, want)
		}
		if memory.Aliased != 2*row {
			t.Errorf("%d devices: %d bytes aliased, want the %d of two variables", devices, memory.Aliased, 2*row)
		}
	}
}

// donor is a backend that notes the donations asked for.
type donor struct {
	compute.Backend
	aliases []map[int]int
}

func (d *donor) Donate(aliases map[int]int) { d.aliases = append(d.aliases, maps.Clone(aliases)) }

// TestDonate pairs parameters (the inputs, then variables as the graph uses them) with outputs (the variables that it sets,
// in the store's order).
func TestDonate(t *testing.T) {
	d := &donor{Backend: xlatest.Go(t)}
	p, err := must.M1(mesh.New(d, 1)).Compile("test", newStore(), inputs(), build)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	// Parameters: images, scale, count, offset, sum. Outputs: sum, count, then the program's two.
	if want := []map[int]int{{4: 0, 2: 1}}; !slices.EqualFunc(d.aliases, want, maps.Equal) {
		t.Errorf("donated %v, want %v once", d.aliases, want)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, devices := range []int{-1, 0, 9} {
		_, err := mesh.New(xlatest.CPU(t, 8), devices)
		if err == nil || !strings.Contains(err.Error(), "want between 1 and the 8") {
			t.Errorf("%d devices of 8: error %v, want the number there is", devices, err)
		}
	}
	if _, err := mesh.New(xlatest.Go(t), 2); err == nil {
		t.Error("2 devices of the go engine: no error")
	}
}

func TestCompileRefuses(t *testing.T) {
	eight := must.M1(mesh.New(xlatest.CPU(t, 8), 8))
	split := func(dims ...int) []mesh.Input {
		in := inputs()
		in[0].Shape = shapes.Make(dtypes.Float32, dims...)
		return in
	}
	for name, in := range map[string][]mesh.Input{"12 rows": split(12, width), "scalar": split()} {
		before := xlatest.Programs(xlatest.CPU(t, 8))
		_, err := eight.Compile("step", newStore(), in, build)
		if err == nil || !strings.Contains(err.Error(), "step: input 0 of shape "+in[0].Shape.String()+" cannot be split over 8 devices") {
			t.Errorf("%s: error %v, want the input, its shape and the devices", name, err)
		}
		if xlatest.Programs(xlatest.CPU(t, 8)) != before {
			t.Errorf("%s: compiled all the same", name)
		}
	}
	engines(t, func(t *testing.T, m *mesh.Mesh) {
		_, err := m.Compile("step", newStore(), inputs(), func(*model.Scope, []*Node) []*Node {
			Panicf("no such layer")
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "compiling step: ") || !strings.Contains(err.Error(), "no such layer") {
			t.Errorf("error %v, want the graph function's panic", err)
		}
	})
}

// TestRunRefuses gives wrong arguments, which change nothing: the next run is the first.
func TestRunRefuses(t *testing.T) {
	engines(t, func(t *testing.T, m *mesh.Mesh) {
		store := newStore()
		p, err := m.Compile("step", store, inputs(), build)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		images, scale := arguments(0)[0], arguments(0)[1]
		for name, test := range map[string]struct {
			args []*tensors.Tensor
			want string
		}{
			"one too few":  {[]*tensors.Tensor{images}, "step: 1 arguments, want 2"},
			"one too many": {[]*tensors.Tensor{images, scale, scale}, "step: 3 arguments, want 2"},
			"swapped":      {[]*tensors.Tensor{scale, images}, "step: argument 0 is (Float32)[3], want (Float32)[16, 3]"},
			"fewer images": {
				[]*tensors.Tensor{tensors.FromShape(shapes.Make(dtypes.Float32, 8, width)), scale},
				"step: argument 0 is (Float32)[8, 3], want (Float32)[16, 3]",
			},
			"other type": {
				[]*tensors.Tensor{images, tensors.FromShape(shapes.Make(dtypes.Int32, width))},
				"step: argument 1 is (Int32)[3], want (Float32)[3]",
			},
		} {
			if _, err := p.Run(test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: error %v, want %q", name, err, test.want)
			}
		}
		if _, err := p.Run(arguments(0)...); err != nil {
			t.Errorf("a run after those refused: %v", err)
		}
		if got, want := variable(t, m, store, "count"), []float32{31, 32, 33}; !slices.Equal(got, want) {
			t.Errorf("count is %v, want %v of one run", got, want)
		}
	})
}
