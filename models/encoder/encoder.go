package encoder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
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

// Encoder is a trained encoder on an engine. It is used from one goroutine.
type Encoder struct {
	manifest Manifest
	config   ProgramConfig // without the size of the images given
	mesh     *mesh.Mesh
	store    *model.Store
	programs map[imageShape]*Program
}

// imageShape is what a program is compiled for.
type imageShape struct{ size, channels int }

// scope holds the variables in the store.
const scope = "encoder"

// Open is [Load] and [New]: who wants to know what was passed over calls them, and reads the notes between.
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
	if bytes := w.BatchBytes(o.Batch); bytes > limits.Memory() {
		return nil, fmt.Errorf("encoder: a batch (--batch) of %d images of %d pixels a side takes at least %s, and this process may use %s",
			o.Batch, w.Manifest.Input.ImageSize, limits.Text(bytes), limits.Text(limits.Memory()))
	}
	network := w.Manifest.Network.Config()
	if o.Precision != "" {
		network.Precision = o.Precision
	}
	if err := errors.Join(w.Manifest.Validate(), network.Validate()); err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	e := &Encoder{
		manifest: w.Manifest, mesh: m, store: model.NewStore(), programs: map[imageShape]*Program{},
		config: ProgramConfig{
			Encoder: network, Views: w.Manifest.Views(), ImageSize: w.Manifest.Input.ImageSize, Batch: o.Batch,
		},
	}
	if err := w.Variables(e.store.RootScope().In(scope)); err != nil {
		return nil, err
	}
	return e, nil
}

// Manifest says what was opened.
func (e *Encoder) Manifest() Manifest { return e.manifest }

// Embed returns the features of n square images of one size, uint8 [n, size, size, channels].
func (e *Encoder) Embed(images []uint8, n int) (Embedding, error) {
	shape, err := shapeOf(images, n)
	if err != nil {
		return Embedding{}, err
	}
	set := &data.Set{Name: "images", N: n, Size: shape.size, Channels: shape.channels, Pixels: images}
	return e.EmbedAll(context.Background(), set, nil)
}

// EmbedAll embeds all images of a source, a batch in memory at a time; the features stay in memory. The error is the
// context's when that ends, the source's when it cannot be read, and [ErrEngine] when the engine fails.
func (e *Encoder) EmbedAll(ctx context.Context, images data.Source, progress Progress) (Embedding, error) {
	p, err := e.program(images.Info())
	if err != nil {
		return Embedding{}, err
	}
	return p.EmbedAll(ctx, images, progress)
}

// WriteNPY writes the trunk's features of all images, or the head's projections, as a NumPy file: float32 [n, dim] in
// the source's order. To labels, unless that is nil, it writes the classes as another: int32 [n], -1 for an image without
// one. Images that cannot be read are left out where the source says so (data.Row), and then the two writers must be files.
// Neither images nor features need fit in memory. An encoder without a head has no projections, which is an error.
func (e *Encoder) WriteNPY(ctx context.Context, images data.Source, head bool, features, labels io.Writer, progress Progress) error {
	if head && e.manifest.Network.Head == resnet.HeadNone {
		return errors.New("encoder: it has no head, want the trunk's features (without --projection)")
	}
	p, err := e.program(images.Info())
	if err != nil {
		return err
	}
	return p.writeNPY(ctx, images, head, features, labels, progress)
}

// program is the one for a size of images, compiled when it is first asked for.
func (e *Encoder) program(i data.Info) (*Program, error) {
	shape := imageShape{i.Size, i.Channels}
	if p, ok := e.programs[shape]; ok {
		return p, nil
	}
	c := e.config
	c.Size, c.Channels = shape.size, shape.channels
	p, err := Compile(e.mesh, e.store, scope, c)
	if err != nil {
		return nil, err
	}
	e.programs[shape] = p
	return p, nil
}

// Augmented compiles a program that shows the encoder random views of images such as those described: see
// [ProgramConfig]. The caller closes it, before the encoder.
func (e *Encoder) Augmented(i data.Info, views augment.Config, seed uint64) (*Program, error) {
	c := e.config
	c.Size, c.Channels, c.Views, c.Augmented, c.Seed = i.Size, i.Channels, views, true, seed
	return Compile(e.mesh, e.store, scope, c)
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
