package bench

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
)

// stepViews says what images a timed step takes and what views it makes of them.
type stepViews struct {
	name           string
	viewer         moco.Viewer
	side, channels int                                    // of the images
	draw           func(row []float32, index, number int) // the parameters of one view of one image
}

// presetViews are those of the configuration, of images as its data set has them.
func presetViews(c run.Config) stepViews {
	b := stepViews{name: c.Views.Preset, viewer: c.Views.Augment}
	b.side, b.channels = c.Data.Image()
	b.draw = func(row []float32, index, number int) { c.Views.Augment.Draw(row, c.Run.Seed, 0, index, number, 1) }
	return b
}

// plainViews only scale images of the views' size to [-1, 1]: the least a step can do with uint8 images.
func plainViews(c run.Config) stepViews {
	return stepViews{
		name: "plain", viewer: plain{}, side: c.Views.ImageSize, channels: 3,
		draw: func(row []float32, _, _ int) { row[0], row[1] = 2./255, -1 },
	}
}

// plain is the moco.Viewer of plainViews. Its two parameters, scale and offset, are an input split over the
// devices, without which the compiler would not split the key encoder.
type plain struct{}

func (plain) NumParams() int { return 2 }

func (plain) Validate() error { return nil }

func (plain) Apply(images, params *graph.Node, size int) *graph.Node {
	n := images.Shape().Dimensions[0]
	images.AssertDims(n, size, size, 3)
	column := func(i int) *graph.Node {
		return graph.Reshape(graph.Slice(params, graph.AxisRange(), graph.AxisElem(i)), n, 1, 1, 1)
	}
	return graph.Add(graph.Mul(graph.ConvertDType(images, dtypes.Float32), column(0)), column(1))
}
