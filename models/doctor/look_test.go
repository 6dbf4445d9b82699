package doctor

import (
	"math"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/specimen"
)

// An image has the same drawing at every size that is a multiple of 16, and the same but for rounding at others.
func TestDrawingsKeepTheirSize(t *testing.T) {
	set := must.M1(data.Open("glyphs", "", "train", data.Options{N: 1}))
	small, _ := newShrinker(32, 3).draw(set.Image(0))
	for _, times := range []int{2, 3} {
		large := make([]uint8, 32*32*3*times*times)
		for i := range large {
			x, y := i/3%(32*times)/times, i/3/(32*times)/times
			large[i] = set.Image(0)[3*(32*y+x)+i%3]
		}
		if d, _ := newShrinker(32*times, 3).draw(large); d.cosine(&small) < 0.9999 {
			t.Errorf("%d times as large: cosine %v", times, d.cosine(&small))
		}
	}
	gray := make([]uint8, 28*28)
	for i := range gray {
		gray[i] = uint8(2*(i%28) + 5*(i/28))
	}
	one, deviation := newShrinker(28, 1).draw(gray)
	three := make([]uint8, 3*28*28)
	for i := range three {
		three[i] = gray[i/3]
	}
	if other, _ := newShrinker(28, 3).draw(three); other.cosine(&one) < 0.9999 {
		t.Errorf("one channel and three: cosine %v", other.cosine(&one))
	}
	// Cells of 1.75 pixels: a plane has, of its deviation, all but what is within a cell.
	if want := math.Sqrt(29 * (28*28 - 1.75*1.75) / 12); math.Abs(float64(deviation)-want) > 0.2 {
		t.Errorf("deviation %v, want about %v", deviation, want)
	}
}

// What settings are chosen by: drawn photos look the same in any mirror, and so do their crops; a set of one letter is
// sided, and one of a dot in the middle has no small crops.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	must.M(specimen.Folder(t.Context(), dir, specimen.Options{Images: 200, Classes: 4, Width: 120, Height: 90}))
	f := must.M1(Look(t.Context(), dataset.Config{Kind: "folder", Dir: dir, Canvas: 256, TrainImages: 150}))
	if f.Images != 150 || f.Side != 90 || f.Sided || f.Crop != areas[0] {
		t.Errorf("photos: %+v", f)
	}
	for name, mirrored := range map[string]bool{"letters": false, "letters and their mirror images": true} {
		t.Run(name, func(t *testing.T) {
			all := must.M1(data.Open("glyphs", "", "train", data.Options{N: 62 * 60}))
			var shape symmetry
			s := newShrinker(32, 3)
			for i := range all.N {
				if all.Classes[all.Labels[i]] != "F" {
					continue
				}
				d, _ := s.draw(all.Image(i))
				if mirrored && i%2 == 0 {
					d = d.mirrored()
				}
				shape.add(&d)
			}
			if sides := shape.share() > 0.05; sides == mirrored {
				t.Errorf("%d images, share %v", shape.n, shape.share())
			}
		})
	}
	dot := data.Set{Name: "dots", N: 64, Size: 40, Channels: 1, Pixels: make([]uint8, 64*1600)}
	for i := range dot.N {
		for k := range 16 {
			dot.Image(i)[40*(18+k/4)+18+k%4] = 255
		}
	}
	o := &opened{Source: &dot}
	if f := must.M1(o.facts(t.Context())); f.Crop != 0.3 || f.Sided || f.Side != 40 {
		t.Errorf("dots: %+v, want crops of 0.3, which are 22 pixels wide and cannot miss the middle", f)
	}
}
