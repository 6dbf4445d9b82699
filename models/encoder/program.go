package encoder

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// ProgramConfig describes a [Program]: the encoder and the images it takes.
type ProgramConfig struct {
	// Encoder is the architecture.
	Encoder resnet.Config
	// Views gives the normalisation; nothing random is applied, unless the images are Augmented.
	Views augment.Config
	// Augmented shows the encoder a random view of each image, as Views say: a pure function of Seed, the image's number and
	// that of the view (see [Program.View]). Training draws none of them.
	Augmented bool
	Seed      uint64
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
	view     int
}

// Compile compiles the encoder whose variables stand in the scope of the store.
func Compile(m *mesh.Mesh, store *model.Store, scope string, c ProgramConfig) (*Program, error) {
	name := "embed"
	if c.Augmented {
		name = "embed-augmented"
	}
	p, err := m.Compile(name, store, c.inputs(), func(root *model.Scope, in []*graph.Node) []*graph.Node {
		var x *graph.Node
		if c.Augmented {
			x = c.Views.Apply(in[0], in[1], c.ImageSize)
		} else {
			x = augment.Plain(c.Views, in[0], c.ImageSize)
		}
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

// View is the same program of augmented images for their view number v, from 0. It is closed with p.
func (p *Program) View(v int) *Program {
	other := *p
	other.view = v
	return &other
}

// Close frees the compiled program.
func (p *Program) Close() { p.compiled.Close() }

func (c ProgramConfig) inputs() []mesh.Input {
	all := []mesh.Input{{Shape: shapes.Make(dtypes.Uint8, c.Batch, c.Size, c.Size, c.Channels)}}
	if c.Augmented {
		all = append(all, mesh.Input{Shape: shapes.Make(dtypes.Float32, c.Batch, c.Views.NumParams())})
	}
	return all
}

// heldOutEpoch is no epoch of a run, so that views drawn for it are none of training.
const heldOutEpoch = -1

// params are the view parameters of a batch's images from number start on, of which rows holds those from first on; the
// rest of the batch has neutral ones.
func (p *Program) params(rows []data.Row, start, first int) (*tensors.Tensor, error) {
	n := p.config.Views.NumParams()
	t := tensors.FromShape(shapes.Make(dtypes.Float32, p.config.Batch, n))
	err := tensors.MutableFlatData(t, func(flat []float32) {
		for i := range p.config.Batch {
			of := flat[i*n : (i+1)*n]
			augment.Neutral().Put(of)
			if at := i - first; at >= 0 && at < len(rows) && rows[at].Aspect > 0 {
				p.config.Views.Draw(of, p.config.Seed, heldOutEpoch, start+i, p.view, float64(rows[at].Aspect))
			}
		}
	})
	if err != nil {
		t.FinalizeAll()
		return nil, fmt.Errorf("encoder: drawing views: %w", err)
	}
	return t, nil
}
