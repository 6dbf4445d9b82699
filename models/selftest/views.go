package selftest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// viewsFile describes views, in groups, and viewsPixels is what torchvision made of them: float32, little-endian.
const viewsFile, viewsPixels = "torchvision.json", "torchvision.bin"

// recordedViews is the description.
type recordedViews struct{ Groups []viewGroup }

// viewGroup is an operation alone, an order of the jitter, or a preset's chain.
type viewGroup struct {
	Name                 string
	Side, Size, Channels int
	Ops                  []string
	Active               string // letters of the jitter's operations: b, c, s, h
	Kernel               float64
	Mean, Std            [3]float64
	Views                []recordedView
}

type recordedView struct {
	Box                                   *[4]float64 // top, left, height, width in pixels
	Flip, Gray                            bool
	Brightness, Contrast, Saturation, Hue float64
	Order                                 [4]int
	Sigma                                 float64
}

func (r recordedView) view(canvas int) augment.View {
	v := augment.Neutral()
	if r.Box != nil {
		side := float64(canvas)
		v.Top, v.Left, v.Height, v.Width = r.Box[0]/side, r.Box[1]/side, r.Box[2]/side, r.Box[3]/side
	}
	v.Flip, v.Gray, v.Sigma, v.Order = r.Flip, r.Gray, r.Sigma, r.Order
	v.Brightness, v.Contrast, v.Saturation, v.Hue = r.Brightness, r.Contrast, r.Saturation, r.Hue
	return v
}

// config switches on what the group uses; strengths and probabilities beyond zero or not don't matter to Apply.
func (g viewGroup) config() augment.Config {
	on := func(letter string) float64 {
		if strings.Contains(g.Active, letter) {
			return 0.5
		}
		return 0
	}
	c := augment.Config{
		Area: augment.Range{Min: 0.1, Max: 1}, Ratio: augment.Range{Min: 3. / 4, Max: 4. / 3}, Flip: 0.5, Ops: g.Ops, Mean: g.Mean, Std: g.Std,
	}
	if slices.Contains(g.Ops, augment.OpJitter) {
		c.Jitter = augment.Jitter{P: 1, Brightness: on("b"), Contrast: on("c"), Saturation: on("s"), Hue: on("h")}
	}
	if slices.Contains(g.Ops, augment.OpGray) {
		c.Gray = 0.5
	}
	if slices.Contains(g.Ops, augment.OpBlur) {
		c.Blur = augment.Blur{P: 0.5, Sigma: augment.Range{Min: 0.1, Max: 2}, Kernel: g.Kernel}
	}
	return c
}

// viewsFollow holds every operation alone, all orders of the jitter, and the presets' chains to torchvision's outputs on
// float tensors.
func viewsFollow(ctx context.Context, s *session, r *Result) error {
	e, err := s.open(Opening{})
	if err != nil {
		return err
	}
	var recorded recordedViews
	if err := parity.Load(s.recorded, viewsFile, &recorded); err != nil {
		return err
	}
	pixels, err := fs.ReadFile(s.recorded, viewsPixels)
	if err != nil {
		return err
	}
	limit := toleranceOf[arithmetic(e.EngineName(), resnet.Float32)].views
	left := bytes.NewReader(pixels)
	for _, g := range recorded.Groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := make([]float32, len(g.Views)*g.Size*g.Size*3)
		if err := binary.Read(left, binary.LittleEndian, want); err != nil {
			return fmt.Errorf("%s: %w", viewsPixels, err)
		}
		got, err := g.compute(e)
		if err != nil {
			return fmt.Errorf("%s: %w", g.Name, err)
		}
		worst, at := g.distance(got, want)
		r.worst("pixel", worst, limit)
		if !(worst <= limit) {
			return fmt.Errorf("%s: view %d, value %d: got %v, torchvision %v: differs by %.1e of the [0, 1] scale, want at most %.0e",
				g.Name, at/(g.Size*g.Size*3), at%(g.Size*g.Size*3), got[at], want[at], worst, limit)
		}
	}
	if left.Len() != 0 {
		return fmt.Errorf("%d bytes of %s left unread", left.Len(), viewsPixels)
	}
	return nil
}

// distance is the largest difference of the [0, 1] scale, and where it is.
func (g viewGroup) distance(got, want []float32) (worst float64, at int) {
	if len(got) != len(want) {
		return math.Inf(1), 0
	}
	for i := range want {
		if d := math.Abs(float64(got[i])-float64(want[i])) * g.Std[i%3]; !(d <= worst) {
			worst, at = d, i
		}
	}
	return worst, at
}

// compute makes the group's views on an engine's first device.
func (g viewGroup) compute(b compute.Backend) ([]float32, error) {
	canvas := g.Side
	if g.Side == 28 && g.Size == 32 {
		canvas = 32 // MNIST's, padded
	}
	c := g.config()
	n, p := len(g.Views), c.NumParams()
	pixels, params := []uint8(nil), make([]float32, n*p)
	for i, r := range g.Views {
		pixels = append(pixels, parity.Waves(i, g.Side, g.Channels)...)
		v := r.view(canvas)
		v.Put(params[i*p : (i+1)*p])
	}
	m, err := mesh.New(b, 1)
	if err != nil {
		return nil, err
	}
	images, drawn := tensors.FromFlatDataAndDimensions(pixels, n, g.Side, g.Side, g.Channels), tensors.FromFlatDataAndDimensions(params, n, p)
	program, err := m.Compile("views", model.NewStore(), []mesh.Input{{Shape: images.Shape()}, {Shape: drawn.Shape()}},
		func(_ *model.Scope, in []*graph.Node) []*graph.Node {
			return []*graph.Node{c.Apply(in[0], in[1], g.Size)}
		})
	if err != nil {
		return nil, err
	}
	defer program.Close()
	out, err := program.Run(images, drawn)
	if err != nil {
		return nil, err
	}
	defer out[0].FinalizeAll()
	return tensors.CopyFlatData[float32](out[0])
}
