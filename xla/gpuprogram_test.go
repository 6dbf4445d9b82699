//go:build slow

package xla_test

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	steps "github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// The program that is written for GPUs computes what the one for CPUs does: with kernels that lie otherwise, statistics and
// gradients in one array, pooling by choice, and the channels of the views apart; on two devices against one.
func TestProgramForGPUs(t *testing.T) {
	t.Run("float32", func(t *testing.T) { programForGPUs(t, resnet.Float32, 1e-4, 1e-6) })
	t.Run("bfloat16", func(t *testing.T) { programForGPUs(t, resnet.BFloat16, 5e-2, 4e-2) }) // sums over devices in float32
}

// programForGPUs holds figures to a relative limit, and the squared length of a tensor's difference to a share of its own.
func programForGPUs(t *testing.T, precision string, figure, share float64) {
	views, err := augment.Preset("v2")
	if err != nil {
		t.Fatal(err)
	}
	views.SetJitter(0, 0, 0, 0)
	views.SetGray(0)
	views.SetBlur(0) // models/augment tests them
	c := moco.Step{
		Encoder: resnet.Config{
			Arch: "resnet10", Width: 4, Stem: resnet.StemImageNet, Head: resnet.HeadLinear, Dim: 16,
			Precision: precision, Remat: resnet.RematNone,
		},
		Views: views, ImageSize: 32, SGDMomentum: 0.9, WeightDecay: 5e-4,
		Config: moco.Config{Batch: 32, Queue: 64, KeyMomentum: 0.9, Temperature: 0.1, Groups: 4, Shuffle: true},
	}
	figures, want := oneStep(t, xlatest.CPU(t, 1), c)
	e := xlatest.CPU(t, 2)
	xla.AskLikeGPU(e, true)
	defer xla.AskLikeGPU(e, false)
	gotFigures, got := oneStep(t, e, c)

	for i, w := range figures {
		if d := gotFigures[i] - w; !(max(d, -d) <= float32(figure)*max(w, -w, 0.1)) {
			t.Errorf("figure %d is %v, want %v", i, gotFigures[i], w)
		}
	}
	for name, w := range want {
		distance, size := 0.0, 0.0
		for i, x := range w {
			d := float64(got[name][i]) - float64(x)
			distance, size = distance+d*d, size+float64(x)*float64(x)
		}
		if !(distance <= share*size+1e-16) { // SGD's buffers after one step are gradients, which mostly cancel
			t.Errorf("%s differs by %.2g of its length squared", name, distance/size)
		}
	}
}

// oneStep does a step on all devices of an engine and returns what it leaves.
func oneStep(t *testing.T, e *xla.Engine, c moco.Step) (moco.Figures, map[string][]float32) {
	t.Helper()
	s, err := steps.Compiled(e, e.NumDevices(), c, 1, c.ImageSize, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	drawn := c.Views.(augment.Config)
	var inputs []*tensors.Tensor
	for _, in := range s.Inputs() {
		switch in.Kind {
		case moco.LearningRate:
			inputs = append(inputs, tensors.FromScalar(float32(0.05)))
		case moco.Images:
			pixels := make([]uint8, in.Shape.Size())
			for i := range pixels {
				pixels[i] = uint8(i*i/7 + i/50)
			}
			inputs = append(inputs, tensors.FromFlatDataAndDimensions(pixels, in.Shape.Dimensions...))
		case moco.ViewParams:
			flat, n := make([]float32, in.Shape.Size()), drawn.NumParams()
			for row := range c.Batch {
				image := row
				if in.Shuffled {
					image = c.ShuffleOrder()[row]
				}
				drawn.Draw(flat[row*n:(row+1)*n], 1, 0, image, in.View, 1)
			}
			inputs = append(inputs, tensors.FromFlatDataAndDimensions(flat, c.Batch, n))
		}
	}
	figures, err := s.RunTensors(inputs...)
	if err != nil {
		t.Fatal(err)
	}
	state := map[string][]float32{}
	for v := range s.Store().IterVariables() {
		if v.DType() == dtypes.Float32 {
			state[steps.Name(v)] = make([]float32, v.Shape().Size())
			if err := s.Copy(state[steps.Name(v)], steps.Name(v)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return figures, state
}
