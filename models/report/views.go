package report

import (
	"fmt"
	"image"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"golang.org/x/image/draw"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// A sheet has the two views in so many epochs of up to so many images.
const (
	SheetImages = 8
	SheetEpochs = 3
)

// sheetMargin is around each view, in pixels; sheetViews are in a row.
const (
	sheetMargin = 2
	sheetViews  = 2 * SheetEpochs
)

// ViewSheet is a picture of what training with c would see of a source: a row for each of up to 8 images spread over it,
// with the image and its two views in each of the first three epochs. It is a pure function of c and the images.
func ViewSheet(b compute.Backend, c run.Config, source data.Source) (image.Image, error) {
	info := source.Info()
	n := min(SheetImages, info.N)
	if n == 0 {
		return nil, fmt.Errorf("report: views: %s has no images", info.Name)
	}
	chosen := make([]int, n)
	for i := range chosen {
		chosen[i] = i * info.N / n
	}
	pixels, rows := make([]uint8, n*info.ImageLen()), make([]data.Row, n)
	if err := source.Fill(pixels, rows, chosen); err != nil {
		return nil, fmt.Errorf("report: views: %w", err)
	}
	views, err := augmented(b, c, info, pixels, rows, chosen, sheetViews)
	if err != nil {
		return nil, err
	}
	size := c.Views.ImageSize
	channels := c.Encoder.ImageChannels()
	pitch := size + 2*sheetMargin
	sheet := image.NewNRGBA(image.Rect(0, 0, (1+sheetViews)*pitch, n*pitch))
	draw.Draw(sheet, sheet.Bounds(), image.White, image.Point{}, draw.Src)
	at := func(row, column int) image.Rectangle {
		corner := image.Pt(column*pitch+sheetMargin, row*pitch+sheetMargin)
		return image.Rectangle{corner, corner.Add(image.Pt(size, size))}
	}
	for i := range n {
		original := bitmap(pixels[i*info.ImageLen():], info.Size, info.Channels)
		draw.CatmullRom.Scale(sheet, at(i, 0), original, original.Bounds(), draw.Src, nil)
		for v, view := range views {
			draw.Draw(sheet, at(i, 1+v), bitmap(view[i*size*size*channels:], size, channels), image.Point{}, draw.Src)
		}
	}
	return sheet, nil
}

// pairs shows the chosen images of a set, each with its two views of epoch 0.
func pairs(b compute.Backend, c run.Config, s *data.Set, chosen []int) ([][]Picture, error) {
	pixels, rows := make([]uint8, len(chosen)*s.ImageLen()), make([]data.Row, len(chosen))
	if err := s.Fill(pixels, rows, chosen); err != nil {
		return nil, err
	}
	views, err := augmented(b, c, s.Info(), pixels, rows, chosen, 2)
	if err != nil {
		return nil, err
	}
	shown := make([][]Picture, len(chosen))
	add := func(i int, pixels []uint8, size, channels int, text string) error {
		p, err := NewPicture(pixels, size, channels, text)
		shown[i] = append(shown[i], p)
		return err
	}
	size, channels := c.Views.ImageSize, c.Encoder.ImageChannels()
	for i, index := range chosen {
		if err := add(i, s.Image(index), s.Size, s.Channels, className(s, index)); err != nil {
			return nil, err
		}
		for v, view := range views {
			if err := add(i, view[i*size*size*channels:], size, channels, fmt.Sprintf("view %d", v+1)); err != nil {
				return nil, err
			}
		}
	}
	return shown, nil
}

// augmented makes views as the training step does: of images uint8 [n, S, S, C] with the given numbers, the two of epoch 0,
// then those of epoch 1, and so on; each is uint8 [n, size, size, 3 or 1].
func augmented(b compute.Backend, c run.Config, info data.Info, pixels []uint8, rows []data.Row, numbers []int, count int) ([][]uint8, error) {
	m, err := mesh.New(b, 1)
	if err != nil {
		return nil, err
	}
	n, p, size := len(numbers), c.Views.Augment.NumParams(), c.Views.ImageSize
	inputs := []mesh.Input{
		{Shape: shapes.Make(dtypes.Uint8, n, info.Size, info.Size, info.Channels)},
		{Shape: shapes.Make(dtypes.Float32, n, p)},
	}
	program, err := m.Compile("views", model.NewStore(), inputs, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		return []*graph.Node{c.Views.Augment.Apply(in[0], in[1], size)}
	})
	if err != nil {
		return nil, err
	}
	defer program.Close()
	views := make([][]uint8, count)
	for v := range views {
		params := make([]float32, n*p)
		for i, number := range numbers {
			c.Views.Augment.Draw(params[i*p:(i+1)*p], c.Run.Seed, v/2, number, v%2, float64(rows[i].Aspect))
		}
		out, err := program.Run(tensors.FromFlatDataAndDimensions(pixels, inputs[0].Shape.Dimensions...),
			tensors.FromFlatDataAndDimensions(params, n, p))
		if err != nil {
			return nil, err
		}
		err = tensors.ConstFlatData(out[0], func(flat []float32) { views[v] = visible(c.Views.Augment, flat) })
		out[0].FinalizeAll()
		if err != nil {
			return nil, fmt.Errorf("report: reading views: %w", err)
		}
	}
	return views, nil
}

// visible undoes the normalisation of pixels.
func visible(c augment.Config, normalised []float32) []uint8 {
	out := make([]uint8, len(normalised))
	for i, v := range normalised { // of one channel, all three have one mean
		level := 255 * (float64(v)*c.Std[i%3] + c.Mean[i%3])
		out[i] = uint8(math.Round(min(max(level, 0), 255)))
	}
	return out
}
