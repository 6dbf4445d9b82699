package doctor

import (
	"bytes"
	"image/jpeg"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// leak replaces every twentieth of the test images by a training image, of which every other one was a JPEG in between.
func leak(train, test *data.Set) {
	test.Pixels, test.Labels = slices.Clone(test.Pixels), slices.Clone(test.Labels)
	for i := 0; i < test.N; i += 20 {
		of := (i*7 + 3) % train.N
		test.Labels[i] = train.Labels[of]
		copy(test.Image(i), train.Image(of))
		if i%40 == 0 {
			m := must.M1(jpeg.Decode(bytes.NewReader(encoded(asImage(train, of), 75))))
			for at := range train.Size * train.Size {
				r, g, b, _ := m.At(at%train.Size, at/train.Size).RGBA()
				copy(test.Image(i)[3*at:], []uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)})
			}
		}
	}
}

// Of the drawn glyphs' test images 5 % are training images. The leaks found are these, of the kinds that they are; nearest
// neighbours know them by heart, and without them the accuracy is that of the glyphs as they are drawn.
func testGlyphsWithLeaks(t *testing.T, b compute.Backend, trainImages, testImages int) {
	train := must.M1(data.Open("glyphs", "", "train", data.Options{N: trainImages}))
	whole := must.M1(data.Open("glyphs", "", "test", data.Options{N: testImages}))
	test := *whole
	leak(train, &test)
	examine := func(test *data.Set) *Report {
		e := &examination{
			Options: Options{Data: dataset.Config{Kind: "glyphs"}, Backend: b, Progress: silent{}},
			train:   &opened{Source: train}, test: &opened{Source: test}, report: &Report{},
		}
		must.M(e.run(t.Context()))
		return e.report
	}
	clean, r := examine(whole), examine(&test)
	t.Logf("%d training images, %d test images", trainImages, testImages)
	for i, k := range r.Neighbours.K {
		t.Logf("k=%d: none planted %.2f, planted: of all %.2f, without %.2f, of the leaked %.2f", k.K, clean.Neighbours.K[i].All, k.All, k.Without, k.Leaked)
	}
	found := 0
	for _, p := range r.Leaks.Pairs {
		if i := int(p.at[1]) - train.N; i%20 == 0 && int(p.at[0]) == (i*7+3)%train.N {
			found++
		}
	}
	planted := testImages / 20
	t.Logf("%d planted, %d found, %d of them right (%d exact, %d near)", planted, len(r.Leaks.Pairs), found, r.Leaks.Exact, r.Leaks.Near)
	if len(clean.Leaks.Pairs) != 0 || found != planted || len(r.Leaks.Pairs) != planted || r.Leaks.Exact != planted/2 {
		t.Errorf("%d leaks of %d, %d of them right, %d exact, and %d where none is planted", len(r.Leaks.Pairs), planted, found, r.Leaks.Exact, len(clean.Leaks.Pairs))
	}
	if k := r.Neighbours.K[0]; k.Leaked != 100 || k.All < k.Without+2 {
		t.Errorf("%+v, want the leaked images known, and more of all for them", k)
	}
	for i, k := range r.Neighbours.K {
		if d := k.Without - clean.Neighbours.K[i].All; d < -1.5 || d > 1.5 {
			t.Errorf("k=%d: %.2f %% without the leaked images, %.2f %% of the glyphs as they are drawn", k.K, k.Without, clean.Neighbours.K[i].All)
		}
	}
}

func TestGlyphsWithLeaks(t *testing.T) { testGlyphsWithLeaks(t, engines.Go(t), 600, 200) }
