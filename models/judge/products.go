package judge

import (
	"fmt"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// rowsTogether divides the number of rows of every block of a bank. A backend may treat so many rows as an image of 8x8 pixels:
// see products.
const rowsTogether = 64

// products returns the inner products of rows: [bank, dim] and [queries, dim] to [bank, queries]. Where a backend's
// convolutions are faster than its matrix products, it computes them as a convolution: the rows of the bank are pixels with
// the features as channels, and every query is a kernel of one pixel.
func products(bank, queries *Node) *Node {
	convolves := mesh.Says(bank.Graph().Backend(), func(e interface{ ConvolvesFaster() bool }) bool { return e.ConvolvesFaster() })
	if !convolves {
		return DotGeneral(bank, []int{1}, nil, queries, []int{1}, nil)
	}
	rows, dim, asked := bank.Shape().Dimensions[0], bank.Shape().Dimensions[1], queries.Shape().Dimensions[0]
	axes := compute.ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelSpatial: []int{0, 1}, KernelOutputChannels: 2, KernelInputChannels: 3,
		OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
	}
	pixels, kernels := Reshape(bank, rows/rowsTogether, 8, 8, dim), Reshape(queries, 1, 1, asked, dim)
	return Reshape(Convolve(pixels, kernels).AxesConfig(axes).NoPadding().Done(), rows, asked)
}

// similarities runs one pair of blocks and lends the result to use: row after row of the bank, its products with every
// query.
func similarities(exec *Exec, bank, queries *tensors.Tensor, use func(flat []float32)) error {
	out, err := exec.Call(bank, queries)
	if err != nil {
		return fmt.Errorf("similarities: %w: %w", encoder.ErrEngine, err)
	}
	defer finalize(out)
	if err := tensors.ConstFlatData(out[0], use); err != nil {
		return fmt.Errorf("similarities: %w: %w", encoder.ErrEngine, err)
	}
	return nil
}
