package encoder

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/format/npy"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// readAhead is a source that keeps what it was asked to read ahead, and cannot be read from image failAt on.
type readAhead struct {
	*data.Set
	failAt int
	asked  []int
}

var errDisk = errors.New("disk on fire")

func (r *readAhead) Prefetch(indices []int) { r.asked = append(r.asked, indices...) }

func (r *readAhead) Fill(dst []uint8, rows []data.Row, indices []int) error {
	if slices.Max(indices) >= r.failAt {
		return errDisk
	}
	return r.Set.Fill(dst, rows, indices)
}

func sevenImages() *data.Set {
	return &data.Set{
		Name: "seven", N: 7, Size: 16, Channels: 3, Pixels: parity.Pixels("seven", 7, 16),
		Labels: []int32{0, 1, 2, 0, 1, 2, 0}, Classes: []string{"a", "b", "c"},
	}
}

// A source gives the features of its images in their order with their labels, every image read once and all but the
// first batch asked for ahead; the NumPy files hold the same bits.
func TestEmbedAll(t *testing.T) {
	set := sevenImages()
	e := open(t, engines.Go(t), small(resnet.HeadLinear), Options{Batch: 3})
	want, err := e.Embed(set.Pixels, set.N)
	if err != nil {
		t.Fatal(err)
	}
	source := &readAhead{Set: set, failAt: set.N}
	var steps []int
	got, err := e.EmbedAll(t.Context(), source, func(done, total int) { steps = append(steps, done, total) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Trunk.Data, want.Trunk.Data) || !slices.Equal(got.Head.Data, want.Head.Data) || !slices.Equal(got.Labels, set.Labels) {
		t.Errorf("features or labels %v differ from those of the pixels", got.Labels)
	}
	if !slices.Equal(steps, []int{3, 7, 6, 7, 7, 7}) || !slices.Equal(source.asked, []int{3, 4, 5, 6}) {
		t.Errorf("progress %v, read ahead %v, want batches of 3", steps, source.asked)
	}
	for _, head := range []bool{false, true} {
		var features, labels bytes.Buffer
		if err := e.WriteNPY(t.Context(), set, head, &features, &labels, nil); err != nil {
			t.Fatal(err)
		}
		part := got.Trunk
		if head {
			part = got.Head
		}
		header, err := npy.ReadHeader(&features)
		if err != nil || header.Type != npy.Float32 || !slices.Equal(header.Shape, []int{7, part.Dim}) {
			t.Fatalf("header %+v, error %v, want float32 [7, %d]", header, err, part.Dim)
		}
		for i, v := range part.Data {
			if bits := binary.LittleEndian.Uint32(features.Bytes()[4*i:]); bits != math.Float32bits(v) {
				t.Fatalf("head %v: element %d differs", head, i)
			}
		}
		if header, err = npy.ReadHeader(&labels); err != nil || header.Type != npy.Int32 || labels.Len() != 4*7 || labels.Bytes()[4] != 1 {
			t.Errorf("labels %+v, error %v", header, err)
		}
	}
}

// Every way to fail is its own: the context, the source, another size of images than the program's, the engine.
func TestEmbedAllFails(t *testing.T) {
	set := sevenImages()
	e := open(t, engines.Go(t), small(resnet.HeadLinear), Options{Batch: 3})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := e.EmbedAll(ctx, set, func(int, int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("context ended after a batch: error %v", err)
	}
	if _, err := e.EmbedAll(t.Context(), &readAhead{Set: set, failAt: 5}, nil); !errors.Is(err, errDisk) || errors.Is(err, ErrEngine) {
		t.Errorf("source that fails: error %v", err)
	}
	p, err := e.program(set.Info())
	if err != nil {
		t.Fatal(err)
	}
	gray := &data.Set{N: 1, Size: 16, Channels: 1, Pixels: make([]uint8, 16*16)}
	if _, err := p.EmbedAll(t.Context(), gray, nil); err == nil || errors.Is(err, ErrEngine) {
		t.Errorf("images of another size: error %v", err)
	}
	p.Close()
	if _, err := p.EmbedAll(t.Context(), set, nil); !errors.Is(err, ErrEngine) {
		t.Errorf("program without its engine: error %v, want ErrEngine", err)
	}
}
