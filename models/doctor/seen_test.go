package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// anEncoder has weights that learned nothing, for images of 16 pixels.
func anEncoder(t *testing.T) *encoder.Encoder {
	t.Helper()
	c := resnet.Config{Arch: "resnet10", Width: 4, Stem: resnet.StemSmall, Head: resnet.HeadLinear, Dim: 8, Precision: resnet.Float32, Remat: resnet.RematNone}
	third := [3]float64{0.3, 0.3, 0.3}
	w := &encoder.Weights{
		Manifest: encoder.Manifest{Network: encoder.NewNetwork(c), Input: encoder.NewInput(16, third, third)},
		Values:   map[string][]float32{}, Path: "drawn",
	}
	for _, p := range c.Params() {
		w.Values[p.Name] = resnet.FromTorch(parity.Weights("query", p.Name, resnet.TorchDims(p.Dims)), p.Dims)
	}
	e := must.M1(encoder.New(engines.Go(t), w, encoder.Options{}))
	t.Cleanup(e.Close)
	return e
}

// blots is a set of images of large blots, which even an encoder that learned nothing can tell apart.
func blots(n int, seed uint64) *data.Set {
	s := &data.Set{Name: "blots", N: n, Size: 32, Channels: 3, Pixels: make([]uint8, n*32*32*3)}
	for i := range n {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		var levels [4 * 4 * 3]uint8
		for k := range levels {
			levels[k] = uint8(random.IntN(256))
		}
		for at := range s.Image(i) {
			x, y := at/3%32, at/3/32
			s.Image(i)[at] = levels[(y/8*4+x/8)*3+at%3]
		}
	}
	return s
}

// Of 60 test images 20 are the middles of training images. These are no duplicates by their pixels; the encoder lists those of
// them that are as like the training image as nine in ten middles are, and each with its own.
func TestSeenByAnEncoder(t *testing.T) {
	train, test := blots(200, 1), blots(60, 2)
	for i := range 20 {
		middle(test.Image(i), train.Image(3*i), 32, 3)
	}
	e := &examination{
		Options: Options{Data: dataset.Config{Kind: "glyphs"}, Backend: engines.Go(t), Encoder: anEncoder(t), Progress: silent{}},
		train:   &opened{Source: train}, test: &opened{Source: test}, report: &Report{},
	}
	must.M(e.run(t.Context()))
	s := e.report.Seen
	right := 0
	for i, p := range s.Pairs {
		var at, of int
		must.M1(fmt.Sscanf(p.Image, "test %d", &at))
		must.M1(fmt.Sscanf(p.Of, "train %d", &of))
		if at < 20 && of == 3*at {
			right++
		}
		if p.Similarity < s.Cosine || p.Similarity > 1 || i > 0 && p.Similarity > s.Pairs[i-1].Similarity || p.Kind != "seen" {
			t.Errorf("pair %d: %+v, cosine %v", i, p, s.Cosine)
		}
	}
	t.Logf("cosine %v, %d of %d images, %d of 20 right", s.Cosine, s.Images, s.Of, right)
	if e.report.Leaks.Images != 0 || s.Of != 60 || s.Images != len(s.Pairs) || right < 15 {
		t.Errorf("%d leaks, seen %d of %d, %d of 20 right", e.report.Leaks.Images, s.Images, s.Of, right)
	}
	// Among themselves: an image is never its own pair, and exact copies are no news.
	copy(train.Image(7), train.Image(100))
	middle(train.Image(8), train.Image(50), 32, 3)
	alone := &examination{Options: e.Options, train: e.train, report: &Report{}}
	must.M(alone.run(t.Context()))
	for _, p := range alone.report.Seen.Pairs {
		if p.Image == p.Of || p.Image == "train 100" && p.Of == "train 7" {
			t.Errorf("%+v", p)
		}
	}
	if s := alone.report.Seen; s.Of != 200 || len(s.Pairs) == 0 || alone.report.Splits[0].Exact != 1 {
		t.Errorf("seen %d of %d, %d exact", s.Images, s.Of, alone.report.Splits[0].Exact)
	}
}

// A packed set is examined as its folder is, but for what it does not keep: names and sizes. It names what was broken.
func TestPackedSet(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(specimen.Folder(t.Context(), "photos/train", specimen.Options{Images: 210, Classes: 2, Width: 50, Height: 40}))
	must.M(os.Truncate("photos/train/class_00/img_000002.JPEG", 100))
	must.M(os.WriteFile("photos/train/class_01/img_000300.JPEG", must.M1(os.ReadFile("photos/train/class_01/img_000007.JPEG")), 0o644))
	must.M2(packed.PackSplit(t.Context(), "photos", "packed", "train", files.Options{}, packed.Options{Canvas: 48, Library: picture.Go}))
	r := must.M1(Examine(t.Context(), Options{Data: must.M1((dataset.Config{}).With("packed", ""))}))
	s := r.Splits[0]
	if s.Images != 210 || s.Size != 48 || s.Exact != 1 || len(s.Broken) != 1 || s.Tiny.Images != 0 || !strings.HasSuffix(r.Duplicates[0].Image, "train 209") {
		t.Errorf("%+v", s)
	}
	if all := s.Exact + s.Near + s.Mirrored + s.Distinct; all != s.Images { // the broken image is none of them
		t.Errorf("%d exact, %d near, %d mirrored and %d distinct images are %d, want %d", s.Exact, s.Near, s.Mirrored, s.Distinct, all, s.Images)
	}
	if text := must.M1(json.Marshal(r)); bytes.Contains(text, []byte("null")) {
		t.Errorf("a list of nothing is null in %s", text)
	}
	if !strings.HasPrefix(r.Command, "mocotpu train --preset=cifar10 --data=packed --batch=32") {
		t.Errorf("%s", r.Command)
	}
}
