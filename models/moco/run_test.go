package moco_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/step"
)

// smallConfig is a step of a small net that both engines run in a second.
func smallConfig() moco.Step {
	return moco.Step{
		Encoder: resnet.Config{
			Arch: "resnet10", Width: 4, Stem: resnet.StemSmall, Head: resnet.HeadLinear,
			Dim: 32, Precision: resnet.Float32, Remat: resnet.RematNone,
		},
		Views: must.M1(augment.Preset("glyphs")), ImageSize: 16, SGDMomentum: 0.9, WeightDecay: 5e-4,
		Config: moco.Config{Batch: 64, Queue: 160, KeyMomentum: 0.9, Temperature: 0.1, Groups: 8, Shuffle: true},
	}
}

// stepRun is what some steps leave behind.
type stepRun struct {
	figures [][]float32          // of each step
	state   map[string][]float32 // every float variable, by path
}

// trial is a compiled step that can be run from its initial state again and again.
type trial struct {
	*step.Step
	initial map[string]*tensors.Tensor
}

// newTrial compiles the step over a state of seed 1.
func newTrial(t testing.TB, b compute.Backend, devices int, c moco.Step) *trial {
	t.Helper()
	s, err := step.New(engines.Mesh(t, b, devices), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{s, map[string]*tensors.Tensor{}}
	for v := range s.Store().IterVariables() {
		tr.initial[v.Path()] = must.M1(must.M1(v.Value()).LocalClone())
	}
	if err := s.Compile(c.ImageSize, 3); err != nil {
		t.Fatal(err)
	}
	return tr
}

// condition moves the initial state to where rounding does not grow: BatchNorm's outputs stay on one side of the
// ReLU, so that a step is a smooth function.
func (tr *trial) condition() *trial {
	c := *tr
	c.initial = map[string]*tensors.Tensor{}
	for path, value := range tr.initial {
		c.initial[path] = value
		isScale := strings.HasSuffix(path, ".weight") && value.Rank() == 1
		isShift := strings.HasSuffix(path, ".bias") && !strings.HasSuffix(path, "fc.bias")
		if strings.HasPrefix(path, "/momentum") || !isScale && !isShift {
			continue
		}
		c.initial[path] = must.M1(value.LocalClone())
		must.M(tensors.MutableFlatData(c.initial[path], func(flat []float32) {
			for i := range flat {
				flat[i] = 0.3
				if isShift {
					flat[i] = float32(1 - 2*(i%2))
				}
			}
		}))
	}
	return &c
}

// run trains from the initial state on images that are smooth blobs, with drawn views.
func (tr *trial) run(t testing.TB, steps int, lr float32) stepRun {
	t.Helper()
	for path, value := range tr.initial {
		must.M(tr.Store().GetVariable(path).SetValue(must.M1(value.LocalClone())))
	}
	var run stepRun
	for step := range steps {
		figures, err := tr.RunTensors(stepInputs(tr.Definition(), step, lr)...)
		if err != nil {
			t.Fatal(err)
		}
		run.figures = append(run.figures, figures[:])
	}
	run.state = floats(tr.Store())
	return run
}

// stepInputs are the inputs of one step, a pure function of the step.
func stepInputs(c moco.Step, step int, lr float32) []*tensors.Tensor {
	size := c.ImageSize
	images := tensors.FromShape(shapes.Make(dtypes.Uint8, c.Batch, size, size, 3))
	must.M(tensors.MutableFlatData(images, func(flat []uint8) {
		for i := range flat {
			n, y, x, ch := i/(size*size*3), i/(size*3)%size, i/3%size, i%3
			a := float64(n*7 + step*131 + 1)
			flat[i] = uint8(127 + 60*math.Sin(a+float64(x)*(0.2+float64(n%5)/9)+float64(ch)) +
				60*math.Cos(a/3+float64(y)*(0.3+float64(n%7)/11)))
		}
	}))
	views := func(view int, order []int) *tensors.Tensor {
		n := c.Views.NumParams()
		params := tensors.FromShape(shapes.Make(dtypes.Float32, c.Batch, n))
		must.M(tensors.MutableFlatData(params, func(flat []float32) {
			for i := range c.Batch {
				at := i
				if order != nil {
					at = order[i]
				}
				c.Views.(augment.Config).Draw(flat[i*n:(i+1)*n], 1, step, at, view, 1)
			}
		}))
		return params
	}
	args := []*tensors.Tensor{images, views(0, nil), views(1, c.ShuffleOrder()), tensors.FromScalar(lr)}
	if c.Symmetric {
		args = append(args, views(1, nil), views(0, c.ShuffleOrder()))
	}
	return args
}

func floats(store *model.Store) map[string][]float32 {
	all := map[string][]float32{}
	for v := range store.IterVariables() {
		if v.DType() == dtypes.Float32 {
			all[v.Path()] = tensors.MustCopyFlatData[float32](must.M1(v.Value()))
		}
	}
	return all
}

// compareRuns fails where a loss differs by more than the tolerance, relatively, or a tensor in its relative L2
// distance. SGD's buffers hold sums of gradients that mostly cancel, and have a tolerance of their own.
func compareRuns(t *testing.T, got, want stepRun, tolerance, momentumTolerance float64) {
	t.Helper()
	for step := range want.figures {
		a, b := float64(got.figures[step][moco.FigureLoss]), float64(want.figures[step][moco.FigureLoss])
		if d := math.Abs(a-b) / math.Abs(b); !(d <= tolerance) {
			t.Errorf("step %d: loss %v, want %v: relative difference %.2g, want at most %.2g", step, a, b, d, tolerance)
		}
	}
	worst := map[string]float64{}
	for path, w := range want.state {
		g, ok := got.state[path]
		if !ok || len(g) != len(w) {
			t.Fatalf("%s: %d values, want %d", path, len(g), len(w))
		}
		d := parity.Compare(g, w).RelL2
		kind := strings.Split(path, "/")[1]
		if strings.Contains(path, "running_") {
			kind += " statistics"
		}
		worst[kind] = max(worst[kind], d)
	}
	for kind, d := range worst {
		limit := tolerance
		if kind == moco.MomentumScope {
			limit = momentumTolerance
		}
		if !(d <= limit) {
			t.Errorf("%s: relative L2 difference of a tensor %.2g, want at most %.2g", kind, d, limit)
		}
	}
	t.Logf("worst relative L2 difference after %d steps: %v", len(want.figures), worst)
}
