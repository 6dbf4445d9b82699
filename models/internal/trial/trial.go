// Package trial runs a small training step again and again from one state, for tests and the self-test that compare
// engines, numbers of devices and runs.
package trial

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/step"
)

// Small is a step of a small net that every engine runs in a second: eight BatchNorm groups, a queue that wraps, a
// preset's views.
func Small() moco.Step {
	views, _ := augment.Preset("glyphs") // it exists
	return moco.Step{
		Encoder: resnet.Config{
			Arch: "resnet10", Width: 4, Stem: resnet.StemSmall, Head: resnet.HeadLinear,
			Dim: 32, Precision: resnet.Float32, Remat: resnet.RematNone,
		},
		Views: views, ImageSize: 16, SGDMomentum: 0.9, WeightDecay: 5e-4,
		Config: moco.Config{Batch: 64, Queue: 160, KeyMomentum: 0.9, Temperature: 0.1, Groups: 8, Shuffle: true},
	}
}

// Run is what some steps leave behind.
type Run struct {
	Figures [][]float32          // of each step
	State   map[string][]float32 // every float variable, by path
}

// Trial is a compiled step that can be run from its initial state again and again. Its views are an augment.Config.
type Trial struct {
	*step.Step
	initial map[string]*tensors.Tensor
}

// New compiles the step over a state of seed 1 on the first devices of a backend, which stays the caller's.
func New(b compute.Backend, devices int, c moco.Step) (*Trial, error) {
	s, err := step.Compiled(b, devices, c, 1, c.ImageSize, 3)
	if err != nil {
		return nil, err
	}
	t := &Trial{s, map[string]*tensors.Tensor{}}
	for v := range s.Store().IterVariables() {
		value := tensors.FromShape(shapes.Make(v.DType(), s.Dims(v)...))
		var err error
		if e := value.MutableFlatData(func(flat any) { err = s.Copy(flat, step.Name(v)) }); e != nil || err != nil {
			s.Close()
			return nil, fmt.Errorf("trial: copying %s: %w", v.Path(), errors.Join(e, err))
		}
		t.initial[v.Path()] = value
	}
	return t, nil
}

// Conditioned is the same step from a state where rounding does not grow: BatchNorm's outputs stay on one side of the
// ReLU, so that a step is a smooth function.
func (t *Trial) Conditioned() *Trial {
	c := *t
	c.initial = map[string]*tensors.Tensor{}
	for path, value := range t.initial {
		c.initial[path] = value
		isScale := strings.HasSuffix(path, ".weight") && value.Rank() == 1
		isShift := strings.HasSuffix(path, ".bias") && !strings.HasSuffix(path, "fc.bias")
		if strings.HasPrefix(path, "/momentum") || !isScale && !isShift {
			continue
		}
		flat := make([]float32, value.Size())
		for i := range flat {
			flat[i] = 0.3
			if isShift {
				flat[i] = float32(1 - 2*(i%2))
			}
		}
		c.initial[path] = tensors.FromFlatDataAndDimensions(flat, value.Shape().Dimensions...)
	}
	return &c
}

// Run trains from the initial state on images that are smooth blobs, with drawn views.
func (t *Trial) Run(steps int, lr float32) (r Run, err error) {
	for path, value := range t.initial {
		copied, err := value.LocalClone()
		if err == nil {
			err = t.Set(strings.TrimPrefix(path, "/"), copied)
		}
		if err != nil {
			return r, fmt.Errorf("trial: setting %s: %w", path, err)
		}
	}
	for step := range steps {
		inputs, err := Inputs(t.Definition(), step, lr)
		if err != nil {
			return r, err
		}
		figures, err := t.RunTensors(inputs...)
		if err != nil {
			return r, fmt.Errorf("trial: step %d: %w", step, err)
		}
		r.Figures = append(r.Figures, figures[:])
	}
	r.State, err = floats(t.Step)
	return r, err
}

// Inputs are those of one step, a pure function of the step.
func Inputs(c moco.Step, step int, lr float32) ([]*tensors.Tensor, error) {
	size := c.ImageSize
	images := tensors.FromShape(shapes.Make(dtypes.Uint8, c.Batch, size, size, 3))
	err := tensors.MutableFlatData(images, func(flat []uint8) {
		for i := range flat {
			n, y, x, ch := i/(size*size*3), i/(size*3)%size, i/3%size, i%3
			a := float64(n*7 + step*131 + 1)
			flat[i] = uint8(127 + 60*math.Sin(a+float64(x)*(0.2+float64(n%5)/9)+float64(ch)) +
				60*math.Cos(a/3+float64(y)*(0.3+float64(n%7)/11)))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("trial: %w", err)
	}
	views := func(view int, order []int) *tensors.Tensor {
		drawn, n := c.Views.(augment.Config), c.Views.NumParams()
		params := make([]float32, c.Batch*n)
		for i := range c.Batch {
			at := i
			if order != nil {
				at = order[i]
			}
			drawn.Draw(params[i*n:(i+1)*n], 1, step, at, view, 1)
		}
		return tensors.FromFlatDataAndDimensions(params, c.Batch, n)
	}
	inputs := []*tensors.Tensor{images, views(0, nil), views(1, c.ShuffleOrder()), tensors.FromScalar(lr)}
	if c.Symmetric {
		inputs = append(inputs, views(1, nil), views(0, c.ShuffleOrder()))
	}
	return inputs, nil
}

// floats copies the variables that are float32.
func floats(s *step.Step) (map[string][]float32, error) {
	all := map[string][]float32{}
	for v := range s.Store().IterVariables() {
		if v.DType() != dtypes.Float32 {
			continue
		}
		all[v.Path()] = make([]float32, v.Shape().Size())
		if err := s.Copy(all[v.Path()], step.Name(v)); err != nil {
			return nil, fmt.Errorf("trial: %w", err)
		}
	}
	return all, nil
}

// Limits are relative differences: of a loss and a tensor of the state, and of SGD's buffers, which hold sums of gradients
// that mostly cancel.
type Limits struct{ Loss, State, Gradient float64 }

// Elsewhere is what float32 allows on another engine or number of devices.
var Elsewhere = Limits{parity.Elsewhere, parity.Elsewhere, parity.GradientElsewhere}

// Compare returns the largest relative L2 distance of a tensor of each kind, and an error where a loss or a tensor differs
// by more than the limits.
func Compare(got, want Run, l Limits) (worst map[string]float64, err error) {
	worst = map[string]float64{}
	if len(got.Figures) != len(want.Figures) {
		return worst, fmt.Errorf("%d steps, want %d", len(got.Figures), len(want.Figures))
	}
	for step := range want.Figures {
		a, b := float64(got.Figures[step][moco.FigureLoss]), float64(want.Figures[step][moco.FigureLoss])
		d := math.Abs(a-b) / math.Abs(b)
		if !(d <= l.Loss) {
			return worst, fmt.Errorf("step %d: loss %v, want %v: relative difference %.2g, want at most %.2g", step, a, b, d, l.Loss)
		}
		worst["loss"] = max(worst["loss"], d)
	}
	for path, w := range want.State {
		g, ok := got.State[path]
		if !ok || len(g) != len(w) {
			return worst, fmt.Errorf("%s: %d values, want %d", path, len(g), len(w))
		}
		d := parity.Compare(g, w).RelL2
		kind := strings.Split(path, "/")[1]
		if strings.Contains(path, "running_") {
			kind += " statistics"
		}
		worst[kind] = max(worst[kind], d)
		limit := l.State
		if kind == moco.MomentumScope {
			limit = l.Gradient
		}
		if !(d <= limit) {
			return worst, fmt.Errorf("%s: relative L2 difference %.2g, want at most %.2g", path, d, limit)
		}
	}
	return worst, nil
}

// Same returns an error where two runs differ in a bit.
func Same(got, want Run) error {
	for step := range want.Figures {
		if !slices.Equal(got.Figures[step], want.Figures[step]) {
			return fmt.Errorf("step %d gave %v, then %v", step, want.Figures[step], got.Figures[step])
		}
	}
	for path := range want.State {
		if !slices.Equal(got.State[path], want.State[path]) {
			return fmt.Errorf("%s differs between two runs of one seed", path)
		}
	}
	return nil
}
