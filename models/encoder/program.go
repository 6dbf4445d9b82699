package encoder

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// ProgramConfig describes a [Program]: the encoder and the images it takes.
type ProgramConfig struct {
	// Encoder is the architecture.
	Encoder resnet.Config
	// Views gives the normalisation; nothing random is applied.
	Views augment.Config
	// ImageSize is the side in pixels that the encoder sees.
	ImageSize int
	// Size and Channels are those of the images given.
	Size, Channels int
	// Batch is the number of images of one run of the program, a multiple of the mesh's devices.
	Batch int
}

// Program is an encoder whose variables stand in a store, as they do while it is trained, compiled to turn images into
// features. It shares the variables of the store it was made with: it always sees their
// current values, and changes none.
type Program struct {
	config   ProgramConfig
	compiled *mesh.Program
}

// Compile compiles the encoder whose variables stand in the scope of the store.
func Compile(m *mesh.Mesh, store *model.Store, scope string, c ProgramConfig) (*Program, error) {
	p, err := m.Compile("embed", store, c.inputs(), func(root *model.Scope, in []*graph.Node) []*graph.Node {
		x := augment.Plain(c.Views, in[0], c.ImageSize)
		out := resnet.Forward(root.At("%s", scope), c.Encoder, resnet.Norm{}, x)
		if out.Projection == nil {
			return []*graph.Node{out.Features}
		}
		return []*graph.Node{out.Features, out.Projection}
	})
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	return &Program{config: c, compiled: p}, nil
}

// Embed returns the trunk's features and the head's projections of n images; no projections where there is no head.
func (p *Program) Embed(images []uint8, n int) (features, projections []float32, err error) {
	if err := p.config.check(images, n); err != nil {
		return nil, nil, err
	}
	features = make([]float32, 0, n*p.config.Encoder.Features())
	projections = make([]float32, 0, n*p.config.Encoder.Dim)
	for start := 0; start < n; start += p.config.Batch {
		count := min(p.config.Batch, n-start)
		batch, err := p.config.batch(images, start, count)
		if err != nil {
			return nil, nil, err
		}
		out, err := p.compiled.Run(batch)
		if err != nil {
			return nil, nil, fmt.Errorf("encoder: %w", err)
		}
		for i, dst := range []*[]float32{&features, &projections}[:len(out)] {
			rows := count * out[i].Shape().Dimensions[1]
			if err := tensors.ConstFlatData(out[i], func(flat []float32) { *dst = append(*dst, flat[:rows]...) }); err != nil {
				return nil, nil, fmt.Errorf("encoder: reading the output: %w", err)
			}
			out[i].FinalizeAll()
		}
	}
	return features, projections, nil
}

// Close frees the compiled program.
func (p *Program) Close() { p.compiled.Close() }

func (c ProgramConfig) inputs() []mesh.Input {
	return []mesh.Input{{Shape: shapes.Make(dtypes.Uint8, c.Batch, c.Size, c.Size, c.Channels)}}
}

func (c ProgramConfig) check(images []uint8, n int) error {
	if want := n * c.Size * c.Size * c.Channels; len(images) != want {
		return fmt.Errorf("encoder: %d bytes for %d images of %dx%dx%d, want %d",
			len(images), n, c.Size, c.Size, c.Channels, want)
	}
	return nil
}

// batch copies count images into a tensor of a whole batch, the rest black.
func (c ProgramConfig) batch(images []uint8, start, count int) (*tensors.Tensor, error) {
	t := tensors.FromShape(c.inputs()[0].Shape)
	bytes := c.Size * c.Size * c.Channels
	err := tensors.MutableFlatData(t, func(flat []uint8) {
		copy(flat, images[start*bytes:(start+count)*bytes])
	})
	if err != nil {
		return nil, fmt.Errorf("encoder: images: %w", err)
	}
	return t, nil
}
