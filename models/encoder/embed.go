package encoder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/format/npy"
)

// ErrEngine says that the engine failed while it ran the encoder, or judged what that made; its variables may be lost with that.
var ErrEngine = errors.New("the engine failed")

// Embedding is what an encoder makes of images: a row for each, in their order.
type Embedding struct {
	// Trunk holds the trunk's features, and Head the head's projections, of unit length. Without a head Head.Dim is 0.
	Trunk, Head Features
	// Labels are the images' classes, -1 for an image without one. Images that cannot be read have no row: see data.Row.
	Labels []int32
}

// Progress is called with the parts done and the total, from the goroutine that works. It may be nil.
type Progress func(done, total int)

// EmbedAll embeds all images of a source, which must be of the program's size. The error is the context's when that
// ends, the source's when it cannot be read, and [ErrEngine] when the engine fails.
func (p *Program) EmbedAll(ctx context.Context, images data.Source, progress Progress) (Embedding, error) {
	n := images.Info().N
	all := Embedding{Labels: make([]int32, 0, n)}
	all.Trunk = Features{Dim: p.config.Encoder.Features(), Data: make([]float32, 0, n*p.config.Encoder.Features())}
	all.Head = Features{Dim: p.config.Encoder.Dim, Data: make([]float32, 0, n*p.config.Encoder.Dim)}
	err := p.each(ctx, images, progress, func(batch Embedding) error {
		all.Trunk.Data = append(all.Trunk.Data, batch.Trunk.Data...)
		all.Head.Data = append(all.Head.Data, batch.Head.Data...)
		all.Labels = append(all.Labels, batch.Labels...)
		return nil
	})
	return all, err
}

// Accompany runs what another process's EmbedAll of the same images runs, on the devices that are this process's: a mesh
// over several processes needs all of them. It reads the images that these devices take, and keeps nothing.
func (p *Program) Accompany(ctx context.Context, images data.Source) error {
	if err := p.config.check(images); err != nil {
		return err
	}
	first, local := p.mesh.Local()
	each := p.config.Batch / p.mesh.Devices()
	for start := 0; start < images.Info().N; start += p.config.Batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		inputs, _, err := p.batch(images, start, first*each, (first+local)*each)
		if err != nil {
			return err
		}
		out, err := p.compiled.Run(inputs...)
		if err != nil {
			return fmt.Errorf("encoder: %w: %w", ErrEngine, err)
		}
		for _, t := range out {
			t.FinalizeAll()
		}
	}
	return nil
}

// each embeds the images batch by batch, and lends the result of each to use.
func (p *Program) each(ctx context.Context, images data.Source, progress Progress, use func(Embedding) error) error {
	n := images.Info().N
	if err := p.config.check(images); err != nil {
		return err
	}
	for start := 0; start < n; start += p.config.Batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		inputs, rows, err := p.batch(images, start, 0, p.config.Batch)
		if err != nil {
			return err
		}
		result, err := p.run(inputs, len(rows))
		if err != nil {
			return fmt.Errorf("encoder: %w: %w", ErrEngine, err)
		}
		if err := use(result.of(rows)); err != nil {
			return err
		}
		if progress != nil {
			progress(start+len(rows), n)
		}
	}
	return nil
}

// of is the embedding of a batch's rows, with their labels and without the images that could not be read.
func (e Embedding) of(rows []data.Row) Embedding {
	kept := 0
	for i, row := range rows {
		if row.Aspect == 0 {
			continue
		}
		e.Labels = append(e.Labels, row.Label)
		for _, f := range []Features{e.Trunk, e.Head} {
			if len(f.Data) > 0 {
				copy(f.Data[kept*f.Dim:(kept+1)*f.Dim], f.Data[i*f.Dim:])
			}
		}
		kept++
	}
	e.Trunk.Data, e.Head.Data = e.Trunk.Data[:kept*e.Trunk.Dim], e.Head.Data[:kept*e.Head.Dim]
	return e
}

// run runs the program once and copies the first n rows of what comes out.
func (p *Program) run(inputs []*tensors.Tensor, n int) (e Embedding, err error) {
	out, err := p.compiled.Run(inputs...)
	if err != nil {
		return e, err
	}
	for i, f := range []*Features{&e.Trunk, &e.Head}[:len(out)] {
		f.Dim = out[i].Shape().Dimensions[1]
		err = errors.Join(err, tensors.ConstFlatData(out[i], func(flat []float32) { f.Data = append(f.Data, flat[:n*f.Dim]...) }))
		out[i].FinalizeAll()
	}
	return e, err
}

// batch is the inputs for the images from start on, of its rows from first to last-1 alone: see [ProgramConfig.rows].
func (p *Program) batch(images data.Source, start, first, last int) ([]*tensors.Tensor, []data.Row, error) {
	pixels, rows, err := p.config.rows(images, start, first, last)
	if err != nil || !p.config.Augmented {
		return []*tensors.Tensor{pixels}, rows, err
	}
	params, err := p.params(rows, start, first)
	if err != nil {
		pixels.FinalizeAll()
		return nil, nil, err
	}
	return []*tensors.Tensor{pixels, params}, rows, nil
}

// check compares the images' size with the program's.
func (c ProgramConfig) check(images data.Source) error {
	if i := images.Info(); i.Size != c.Size || i.Channels != c.Channels {
		return fmt.Errorf("encoder: %s: images of %dx%dx%d, want %dx%dx%d, for which the program was compiled",
			i.Name, i.Size, i.Size, i.Channels, c.Size, c.Size, c.Channels)
	}
	return nil
}

// batch reads the images from start on, at most a batch, into a tensor of a whole batch, the rest of it black, and has
// those after them read ahead.
func (c ProgramConfig) batch(images data.Source, start int) (*tensors.Tensor, []data.Row, error) {
	return c.rows(images, start, 0, c.Batch)
}

// rows is batch, of its rows from first to last-1 alone.
func (c ProgramConfig) rows(images data.Source, start, first, last int) (*tensors.Tensor, []data.Row, error) {
	info := images.Info()
	indices := numbers(start+first, min(start+last, info.N))
	images.Prefetch(numbers(start+c.Batch+first, min(start+c.Batch+last, info.N)))
	rows := make([]data.Row, len(indices))
	t := tensors.FromShape(shapes.Make(dtypes.Uint8, c.Batch, c.Size, c.Size, c.Channels))
	var reading error
	err := tensors.MutableFlatData(t, func(flat []uint8) {
		flat = flat[first*info.ImageLen():]
		reading = images.Fill(flat[:len(indices)*info.ImageLen()], rows, indices)
	})
	if err := errors.Join(err, reading); err != nil {
		t.FinalizeAll()
		return nil, nil, fmt.Errorf("encoder: reading images: %w", err)
	}
	return t, rows, nil
}

// numbers are those from first to last-1; none where there is nothing between.
func numbers(first, last int) []int {
	all := make([]int, max(0, last-first))
	for i := range all {
		all[i] = first + i
	}
	return all
}

// writeNPY writes what each gives; see [Encoder.WriteNPY]. Features that are not finite are an error: pixels cannot make them so.
func (p *Program) writeNPY(ctx context.Context, images data.Source, head bool, features, labels io.Writer, progress Progress) error {
	n, dim := images.Info().N, p.config.Encoder.Features()
	if head {
		dim = p.config.Encoder.Dim
	}
	rows, err := npy.NewWriter[float32](features, n, dim)
	if err != nil {
		return err
	}
	var classes *npy.Writer[int32]
	if labels != nil {
		if classes, err = npy.NewWriter[int32](labels, n); err != nil {
			return err
		}
	}
	written := 0
	err = p.each(ctx, images, progress, func(batch Embedding) error {
		first := written
		written += len(batch.Labels)
		part := batch.Trunk
		if head {
			part = batch.Head
		}
		if at := slices.IndexFunc(part.Data, func(v float32) bool { return v-v != 0 }); at >= 0 {
			return fmt.Errorf("encoder: features of no use: row %d has %v: the weights are damaged, or of a training that diverged", first+at/part.Dim, part.Data[at])
		}
		if err := rows.Write(part.Data); err != nil || labels == nil {
			return err
		}
		return classes.Write(batch.Labels)
	})
	if err != nil {
		return err
	}
	if written == n {
		if labels != nil {
			err = classes.Close()
		}
		return errors.Join(err, rows.Close())
	}
	if written == 0 {
		return fmt.Errorf("encoder: %w: none of the %d images can be read", data.ErrCorrupt, n)
	}
	return errors.Join(cut(features, rows), cut(labels, classes))
}

// cut ends an array that has got fewer rows than images, of which some could not be read.
func cut[T npy.Element](w io.Writer, array *npy.Writer[T]) error {
	if w == nil {
		return nil
	}
	f, ok := w.(io.WriterAt)
	if !ok {
		return fmt.Errorf("encoder: images that cannot be read have no row, and a %T cannot change how many rows there are: want a file", w)
	}
	return array.CloseAt(f)
}
