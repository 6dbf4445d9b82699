package mesh_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/mesh"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// descend is what a loop is for: it sums up, over the rows of images, the gradients of sum(tanh(row * w)) by the variable w,
// and reduces and uses scalars inside the loop, before it and behind it.
func descend(turns int) func(scope *model.Scope, in []*Node) []*Node {
	return func(scope *model.Scope, in []*Node) []*Node {
		w := scope.GetVariable("w")
		images := MulScalar(in[0], 0.5) // [batch, width]
		g := images.Graph()
		total := ReduceAllSum(images)
		state := mesh.Loop(turns, []*model.Variable{w}, []*Node{images}, []*Node{Zeros(g, w.Shape()), ScalarZero(g, dtypes.Float32)}, func(t mesh.Turn) []*Node {
			here := Equal(Iota(g, shapes.Make(dtypes.Int32, batch, width), 0), BroadcastToDims(t.Number, batch, width))
			row := ReduceSum(Where(here, t.Fixed[0], ZerosLike(t.Fixed[0])), 0)
			loss := ReduceAllSum(Tanh(Mul(MulScalar(row, 0.5), w.NodeValue(g))))
			return []*Node{Add(t.State[0], Gradient(loss, w.NodeValue(g))[0]), Add(t.State[1], loss)}
		})
		w.SetNodeValue(Sub(w.NodeValue(g), MulScalar(state[0], 0.5)))
		return []*Node{state[1], ReduceAllSum(state[0]), total}
	}
}

// TestLoop: on every engine a loop gives the numbers of the sum that it stands for, and on XLA's it is one.
func TestLoop(t *testing.T) {
	images, _ := values(0)
	w := []float64{0.1, -0.2, 0.3}
	const turns = batch
	var loss, total float64
	var gradient [width]float64
	for i, x := range images {
		x := 0.25 * float64(x)
		y := math.Tanh(x * w[i%width])
		loss, total = loss+y, total+2*x
		gradient[i%width] += x * (1 - y*y)
	}
	want := []float64{loss, gradient[0] + gradient[1] + gradient[2], total}

	engines(t, func(t *testing.T, m *mesh.Mesh) {
		store := model.NewStore()
		store.RootScope().VariableWithValue("w", []float32{0.1, -0.2, 0.3})
		p := must.M1(m.Compile("loop", store, inputs()[:1], descend(turns)))
		defer p.Close()
		if e, ok := m.Backend().(*xla.Engine); ok && e.EngineName() != "go" {
			programs := e.Programs()
			if n := strings.Count(programs[len(programs)-1].StableHLO(), "stablehlo.while"); n != 1 {
				t.Errorf("%d loops in the program, want 1", n)
			}
		}
		out := must.M1(p.Run(tensors.FromFlatDataAndDimensions(images, batch, width)))
		for i, got := range out {
			if x := float64(tensors.ToScalar[float32](got)); math.Abs(x-want[i]) > 1e-5*math.Abs(want[i]) {
				t.Errorf("output %d is %v, want %v", i, x, want[i])
			}
		}
		flat := make([]float32, width)
		must.M(m.CopyVariable(flat, store.GetVariable("/w")))
		for i, got := range flat {
			if w := w[i] - gradient[i]/2; math.Abs(float64(got)-w) > 1e-5 {
				t.Errorf("w[%d] is %v, want %v", i, got, w)
			}
		}
	})
}

// TestLoopsAreCompiledAgain: a loop on several CPU devices is not loaded from a store, where the order of its exchanges would be
// lost; on one device it is.
func TestLoopsAreCompiledAgain(t *testing.T) {
	for _, devices := range []int{1, 2} {
		xlatest.CPU(t, devices) // or skip
		kept := &programs.Store{Dir: filepath.Join(t.TempDir(), "programs"), Told: func(err error) { t.Error(err) }}
		loaded := 0
		for range 2 {
			e := must.M1(xla.Open("cpu", xla.Options{Devices: devices, Programs: kept}))
			store := model.NewStore()
			store.RootScope().VariableWithValue("w", []float32{0.1, -0.2, 0.3})
			must.M1(must.M1(mesh.New(e, devices)).Compile("loop", store, inputs()[:1], descend(batch))).Close()
			all := e.Programs()
			if _, err := all[len(all)-1].Save(nil); (err != nil) != (devices > 1) || err != nil && !strings.Contains(err.Error(), "save it for one device") {
				t.Errorf("%d devices: saving it: error %v, want one on several devices alone", devices, err)
			}
			loaded = e.Loaded()
			e.Close()
		}
		if (loaded > 0) != (devices == 1) {
			t.Errorf("%d devices: the second engine loads %d programs, want the loop on one device alone", devices, loaded)
		}
	}
}

// TestLoopRefuses what is no loop.
func TestLoopRefuses(t *testing.T) {
	m := must.M1(mesh.New(xlatest.Go(t), 1))
	for want, turns := range map[string]int{"a loop of 0 turns over 1 values, want at least one of each": 0, "returns 2 values, want the 1 of its state": 2} {
		_, err := m.Compile("loop", model.NewStore(), inputs()[:1], func(_ *model.Scope, in []*Node) []*Node {
			return mesh.Loop(turns, nil, nil, in, func(t mesh.Turn) []*Node { return []*Node{t.State[0], t.State[0]} })
		})
		if err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%d turns: error %v, want one that says %q", turns, err, want)
		}
	}
	if err := exceptions.TryCatch[error](func() { mesh.Loop(1, nil, nil, nil, nil) }); err == nil {
		t.Error("a loop over nothing is built")
	}
}
