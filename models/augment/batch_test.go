package augment

import (
	"testing"

	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// batch collects images and their views, and runs the graph code on the Go engine.
type batch struct {
	side, channels int
	pixels         []uint8
	params         []float32
}

func (b *batch) add(pixels []uint8, v View) {
	b.pixels = append(b.pixels, pixels...)
	row := make([]float32, Config{}.NumParams())
	v.Put(row)
	b.params = append(b.params, row...)
}

func (b *batch) len() int {
	return len(b.params) / Config{}.NumParams()
}

func (b *batch) images() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(b.pixels, b.len(), b.side, b.side, b.channels)
}

// apply is Apply's result, flat.
func (b *batch) apply(t *testing.T, c Config, size int) []float32 {
	t.Helper()
	params := tensors.FromFlatDataAndDimensions(b.params, b.len(), c.NumParams())
	return run(t, func(images, params *Node) *Node { return c.Apply(images, params, size) }, b.images(), params)
}

// plain is Plain's result, flat.
func (b *batch) plain(t *testing.T, c Config, size int) []float32 {
	t.Helper()
	return run(t, func(images *Node) *Node { return Plain(c, images, size) }, b.images())
}

func run[F ExecGraphFnOneOutput](t *testing.T, fn F, args ...any) []float32 {
	t.Helper()
	backend := engines.Go(t)
	out, err := CallOnce(backend, fn, args...)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out)
}

// unit is a configuration without normalisation, and without operations after the crop.
func unit() Config {
	return Config{Area: Range{0.2, 1}, Ratio: torchvisionRatio, Flip: 0.5, Std: [3]float64{1, 1, 1}}
}
