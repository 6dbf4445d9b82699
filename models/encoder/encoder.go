package encoder

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// Options say how an encoder computes. The zero value is right for most.
type Options struct {
	// Devices of the backend to use; 0 is one.
	Devices int
	// Batch is the number of images that the compiled program takes at a time, a multiple of Devices; the last batch
	// is padded. 0 is 64, or the next multiple of Devices. For single images 1 is quicker.
	Batch int
	// Precision of the arithmetic, resnet.Float32 or resnet.BFloat16; "" is what the encoder was trained with.
	Precision string
}

const defaultBatch = 64

// Encoder is a trained encoder on an engine. It implements [eval.Embedder] by the trunk's features. It is used from
// one goroutine.
type Encoder struct {
	manifest Manifest
	notes    []string
	config   ProgramConfig // without the size of the images given
	mesh     *mesh.Mesh
	store    *model.Store
	programs map[imageShape]*Program
}

// imageShape is what a program is compiled for.
type imageShape struct{ size, channels int }

// scope holds the variables in the store.
const scope = "encoder"

// Open is [Load] and [New].
func Open(b compute.Backend, path string, o Options) (*Encoder, error) {
	w, err := Load(path)
	if err != nil {
		return nil, err
	}
	return New(b, w, o)
}

// New puts an encoder on an engine, which stays the caller's and is closed last. The weights are copied. Programs are
// compiled when they are first needed, one for each size of image.
func New(b compute.Backend, w *Weights, o Options) (*Encoder, error) {
	if o.Devices == 0 {
		o.Devices = 1
	}
	m, err := mesh.New(b, o.Devices)
	if err != nil {
		return nil, err
	}
	if o.Batch == 0 {
		o.Batch = (defaultBatch + o.Devices - 1) / o.Devices * o.Devices
	}
	if o.Batch < 1 || o.Batch%o.Devices != 0 {
		return nil, fmt.Errorf("encoder: batch %d, want a multiple of the %d devices", o.Batch, o.Devices)
	}
	side := int64(max(1, w.Manifest.Input.ImageSize))
	if bytes := limits.Product(int64(o.Batch), side, side, 3, 4); bytes > limits.Memory() {
		return nil, fmt.Errorf("encoder: a batch (--batch) of %d images of %d pixels a side takes at least %s, and this process may use %s",
			o.Batch, side, limits.Text(bytes), limits.Text(limits.Memory()))
	}
	network := w.Manifest.Network.Config()
	if o.Precision != "" {
		network.Precision = o.Precision
	}
	if err := errors.Join(w.Manifest.Validate(), network.Validate()); err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	e := &Encoder{
		manifest: w.Manifest, notes: w.Notes, mesh: m, store: model.NewStore(), programs: map[imageShape]*Program{},
		config: ProgramConfig{
			Encoder: network, Views: w.Manifest.Input.Views(), ImageSize: w.Manifest.Input.ImageSize, Batch: o.Batch,
		},
	}
	if err := w.Variables(e.store.RootScope().In(scope)); err != nil {
		return nil, err
	}
	return e, nil
}

// Manifest says what was opened.
func (e *Encoder) Manifest() Manifest { return e.manifest }

// Notes tell the user, a line each, what was passed over when it was opened, and why; empty when all is well.
func (e *Encoder) Notes() []string { return e.notes }

// Embed returns the trunk's features, [n, Manifest.Network.Features], of n square images of one size.
func (e *Encoder) Embed(images []uint8, n int) (Features, error) {
	trunk, _, err := e.Both(images, n)
	return trunk, err
}

// Project returns the head's projections, [n, Manifest.Network.Projection], rows of unit length. An encoder without a
// head has none, which is an error.
func (e *Encoder) Project(images []uint8, n int) (Features, error) {
	if e.manifest.Network.Head == resnet.HeadNone {
		return Features{}, errors.New("encoder: it has no head, want the trunk's features (Embed)")
	}
	_, projections, err := e.Both(images, n)
	return projections, err
}

// Both returns what Embed and Project do, for the price of one; projections are zero without a head.
func (e *Encoder) Both(images []uint8, n int) (trunk, projections Features, err error) {
	shape, err := shapeOf(images, n)
	if err != nil {
		return trunk, projections, err
	}
	p, ok := e.programs[shape]
	if !ok {
		c := e.config
		c.Size, c.Channels = shape.size, shape.channels
		if p, err = Compile(e.mesh, e.store, scope, c); err != nil {
			return trunk, projections, err
		}
		e.programs[shape] = p
	}
	network := e.manifest.Network
	trunk.Dim, projections.Dim = network.Features, network.Projection
	trunk.Data, projections.Data, err = p.Embed(images, n)
	return trunk, projections, err
}

// Close frees the compiled programs. The encoder must not be used after.
func (e *Encoder) Close() {
	for _, p := range e.programs {
		p.Close()
	}
}

// shapeOf finds size and channels from the number of bytes. There is one answer at most: three times a square is no
// square.
func shapeOf(images []uint8, n int) (imageShape, error) {
	if n > 0 && len(images) > 0 && len(images)%n == 0 {
		for _, channels := range []int{1, 3} {
			pixels := len(images) / n / channels
			size := int(math.Round(math.Sqrt(float64(pixels))))
			if size*size*channels == len(images)/n {
				return imageShape{size, channels}, nil
			}
		}
	}
	return imageShape{}, fmt.Errorf("encoder: %d bytes for %d images, want size x size x 1 or 3 bytes each", len(images), n)
}
