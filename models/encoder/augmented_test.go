package encoder

import (
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// The views of an image are a pure function of seed, its number and the view's: the same whatever the batches, others for
// another view or seed; views of the whole image are the image as it is.
func TestAugmented(t *testing.T) {
	set := sevenImages()
	b, w := engines.Go(t), small(resnet.HeadLinear)
	cifar, err := augment.Preset("cifar")
	if err != nil {
		t.Fatal(err)
	}
	whole := augment.Config{
		Area: augment.Range{Min: 1, Max: 1}, Ratio: augment.Range{Min: 1, Max: 1},
		Mean: w.Manifest.Input.Mean, Std: w.Manifest.Input.Std,
	}
	embed := func(batch, view int, seed uint64, views augment.Config) Embedding {
		t.Helper()
		p, err := open(t, b, w, Options{Batch: batch}).Augmented(set.Info(), views, seed)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		e, err := p.View(view).EmbedAll(t.Context(), set, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	same := func(a, b Embedding) bool {
		return slices.EqualFunc(a.Trunk.Data, b.Trunk.Data, func(x, y float32) bool { return max(x-y, y-x) <= 1e-4*max(1, x, y) })
	}
	first := embed(3, 0, 1, cifar)
	if first.Trunk.Len() != set.N || !slices.Equal(first.Labels, set.Labels) {
		t.Errorf("%d rows, labels %v", first.Trunk.Len(), first.Labels)
	}
	if !same(first, embed(7, 0, 1, cifar)) {
		t.Error("views depend on the batch")
	}
	if same(first, embed(3, 1, 1, cifar)) || same(first, embed(3, 0, 2, cifar)) {
		t.Error("another view or seed draws the same")
	}
	p, err := open(t, b, w, Options{Batch: 4}).Augmented(set.Info(), cifar, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	whole4, _, err := p.batch(set, 3, 0, 4)
	if err != nil {
		t.Fatal(err)
	}
	part, _, err := p.batch(set, 3, 2, 4) // as a process that has the last two rows
	if err != nil {
		t.Fatal(err)
	}
	n := 2 * cifar.NumParams()
	if a, b := tensors.MustCopyFlatData[float32](whole4[1]), tensors.MustCopyFlatData[float32](part[1]); !slices.Equal(a[n:], b[n:]) || slices.Equal(a[:n], b[:n]) {
		t.Error("a part of a batch has other views than the whole, or draws those of others")
	}
	plain, err := open(t, b, w, Options{Batch: 3}).EmbedAll(t.Context(), set, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !same(plain, embed(3, 0, 1, whole)) || same(plain, first) {
		t.Error("views of the whole image are not the image")
	}
}
