package encoder

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
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
	mesh     *mesh.Mesh
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
	return &Program{config: c, mesh: m, compiled: p}, nil
}

// Close frees the compiled program.
func (p *Program) Close() { p.compiled.Close() }

func (c ProgramConfig) inputs() []mesh.Input {
	return []mesh.Input{{Shape: shapes.Make(dtypes.Uint8, c.Batch, c.Size, c.Size, c.Channels)}}
}
