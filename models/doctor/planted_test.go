package doctor

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
	"golang.org/x/image/draw"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// planted are the ways in which an image is hidden among others.
var planted = []struct {
	name string
	kind kind
	make func(image.Image) []byte
}{
	{"copied", exact, func(m image.Image) []byte { return encoded(m, 90) }},
	{"encoded again", near, func(m image.Image) []byte { return encoded(must.M1(jpeg.Decode(bytes.NewReader(encoded(m, 90)))), 40) }},
	{"smaller", near, func(m image.Image) []byte { return encoded(scaled(m, 40), 85) }},
	{"darker", near, func(m image.Image) []byte { return encoded(darker(m), 85) }},
	{"mirrored", mirrored, func(m image.Image) []byte { return encoded(flipped(m), 85) }},
}

func encoded(m image.Image, quality int) []byte {
	var b bytes.Buffer
	must.M(jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}))
	return b.Bytes()
}

func scaled(m image.Image, size int) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, size, size))
	draw.CatmullRom.Scale(out, out.Rect, m, m.Bounds(), draw.Src, nil)
	return out
}

func darker(m image.Image) image.Image {
	out := image.NewNRGBA(m.Bounds())
	for i, v := range m.(*image.NRGBA).Pix {
		out.Pix[i] = uint8(10 + int(v)*6/10)
	}
	for i := 3; i < len(out.Pix); i += 4 {
		out.Pix[i] = 255
	}
	return out
}

func flipped(m image.Image) image.Image {
	out := image.NewNRGBA(m.Bounds())
	wide := m.Bounds().Dx()
	for y := range m.Bounds().Dy() {
		for x := range wide {
			out.Set(x, y, m.At(wide-1-x, y))
		}
	}
	return out
}

// asImage is image i of a set.
func asImage(s *data.Set, i int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, s.Size, s.Size))
	for at := range s.Size * s.Size {
		copy(m.Pix[4*at:], s.Image(i)[3*at:3*at+3])
		m.Pix[4*at+3] = 255
	}
	return m
}

// glyph is image i of a set, 64 pixels a side.
func glyph(s *data.Set, i int) image.Image { return scaled(asImage(s, i), 64) }

func write(name string, file []byte) {
	must.M(os.MkdirAll(filepath.Dir(name), 0o755))
	must.M(os.WriteFile(name, file, 0o644))
}

// Of 400 test images 5 % are training images in each of five disguises, and 5 % of the training images are others of them
// encoded again. All others are drawn apart. What is found is held to what was planted, image by image: of the 100 leaks
// and the 50 duplicates all, and nothing else.
func TestPlantedDuplicatesAreFound(t *testing.T) {
	dir := t.TempDir()
	train := must.M1(data.Open("glyphs", "", "train", data.Options{N: 1000}))
	test := must.M1(data.Open("glyphs", "", "test", data.Options{N: 300}))
	for i := range train.N {
		file := encoded(glyph(train, i), 90)
		if i >= 950 {
			file = planted[1].make(glyph(train, i-950))
		}
		write(fmt.Sprintf("%s/train/%c/%04d.jpg", dir, 'a'+train.Labels[i]%4, i), file)
	}
	for i := range test.N {
		write(fmt.Sprintf("%s/val/%c/%04d.jpg", dir, 'a'+test.Labels[i]%4, i), encoded(glyph(test, i), 90))
	}
	for w, way := range planted {
		for i := range 20 {
			of := 100 + 20*w + i
			write(fmt.Sprintf("%s/val/%c/from%04d.jpg", dir, 'a'+train.Labels[of]%4, of), way.make(glyph(train, of)))
		}
	}
	r := must.M1(Examine(t.Context(), Options{Data: dataset.Config{Kind: "folder", Dir: dir, Canvas: 256}, Backend: engines.Go(t)}))
	counts := map[string]int{}
	wrong := 0
	for _, p := range r.Leaks.Pairs {
		var from, of int
		must.M1(fmt.Sscanf(filepath.Base(p.Of), "%d.jpg", &of))
		if _, err := fmt.Sscanf(filepath.Base(p.Image), "from%d.jpg", &from); err != nil || from != of {
			wrong++
			t.Errorf("%+v was not planted", p)
			continue
		}
		way := planted[(from-100)/20]
		if p.Kind != way.kind.String() || p.OtherClass {
			t.Errorf("%+v was %s", p, way.name)
		}
		counts[way.name]++
	}
	for _, way := range planted {
		t.Logf("%s: %d of 20 found", way.name, counts[way.name])
		if counts[way.name] != 20 {
			t.Errorf("%s: %d of 20 found", way.name, counts[way.name])
		}
	}
	if l := r.Leaks; wrong > 0 || l.Images != 100 || l.Exact != 20 || l.Near != 60 || l.Mirrored != 20 || l.Share != 25 {
		t.Errorf("leaks %+v, want the 100 that were planted, 25 %%", l)
	}
	if s := r.Splits[0]; s.Near != 50 || s.Exact != 0 || s.Distinct != 950 || len(r.Duplicates) != 50 {
		t.Errorf("train has %d near and %d exact duplicates, %d distinct images, %d pairs, want 50, 0, 950, 50", s.Near, s.Exact, s.Distinct, len(r.Duplicates))
	}
	for _, k := range r.Neighbours.K {
		if all := (300*k.Without + 100*k.Leaked) / 400; math.Abs(k.All-all) > 1e-9 {
			t.Errorf("%+v, want %v of all", k, all)
		}
	}
	// A mirrored glyph is not most like what it was made of; the others are.
	if k := r.Neighbours.K[0]; k.K != 1 || k.Leaked < 80 || k.Without > 50 {
		t.Errorf("%+v, want most of those that were planted, and few of the others", k)
	}
	// 100 images have one duplicate each among 1000.
	if n := r.Negatives; n.Images != 100 || n.Share < 0.00999 || n.Share > 0.01001 {
		t.Errorf("negatives %+v, want 100 images, 0.01 %%", n)
	}
}

// What shows nothing, is too small or cannot be read is named, counted once, and compared with nothing.
func TestPoorImages(t *testing.T) {
	dir := t.TempDir()
	set := must.M1(data.Open("glyphs", "", "train", data.Options{N: 40}))
	for i := range set.N {
		write(fmt.Sprintf("%s/a/%02d.jpg", dir, i), encoded(glyph(set, i), 90))
	}
	for i := range 3 {
		var b bytes.Buffer
		m := image.NewUniform(color.Gray{uint8(100 + 50*i)})
		gray := image.NewGray(image.Rect(0, 0, 50, 40))
		draw.Draw(gray, gray.Rect, m, image.Point{}, draw.Src)
		must.M(png.Encode(&b, gray))
		write(fmt.Sprintf("%s/b/flat%d.png", dir, i), b.Bytes())
	}
	write(dir+"/b/tiny.png", func() []byte {
		var b bytes.Buffer
		must.M(png.Encode(&b, scaled(glyph(set, 7), 31)))
		return b.Bytes()
	}())
	write(dir+"/b/cut.jpg", encoded(glyph(set, 3), 90)[:100])
	write(dir+"/b/text.png", []byte("no picture"))
	r := must.M1(Examine(t.Context(), Options{Data: dataset.Config{Kind: "folder", Dir: dir, Canvas: 256}}))
	s := r.Splits[0]
	mixed := must.M1(Examine(t.Context(), Options{Data: dataset.Config{Kind: "folder", Dir: dir, Canvas: 256, Unlabeled: true}}))
	if mixed.Splits[0].Classes != nil || mixed.Splits[0].Images != s.Images || !strings.HasSuffix(mixed.Command, " --unlabeled") {
		t.Errorf("without classes: %+v, %s", mixed.Splits[0], mixed.Command)
	}
	if r.Leaks != nil || len(r.Splits) != 1 || s.Images != 46 {
		t.Errorf("%d splits, leaks %v, %d images", len(r.Splits), r.Leaks, s.Images)
	}
	if fmt.Sprint(s.Flat) != "{3 [b/flat0.png b/flat1.png b/flat2.png]}" || fmt.Sprint(s.Tiny) != "{1 [b/tiny.png]}" {
		t.Errorf("flat %v, tiny %v", s.Flat, s.Tiny)
	}
	if len(s.Broken) != 2 || s.Broken[0].Name != "b/cut.jpg" || s.Broken[1].Name != "b/text.png" {
		t.Errorf("broken %+v", s.Broken)
	}
	if s.Classes["a"] != 40 || s.Classes["b"] != 6 {
		t.Errorf("classes %v", s.Classes)
	}
	if s.Near != 1 || s.Exact != 0 || len(r.Duplicates) != 1 || r.Duplicates[0].Image != "b/tiny.png" || r.Duplicates[0].Of != "a/07.jpg" || !r.Duplicates[0].OtherClass {
		t.Errorf("duplicates %+v, want the tiny one, of another class", r.Duplicates)
	}
}

// How much is found of images of 32 pixels, the smallest, whose detail is what they are known by: nearly all that were
// encoded again at a low quality, all that were reduced to 26 pixels, nine in ten that were reduced to 19.
func TestSmallImages(t *testing.T) {
	set := must.M1(data.Open("glyphs", "", "train", data.Options{N: 500}))
	for _, way := range []struct {
		name        string
		make        func(image.Image) image.Image
		least, most int
	}{
		{"encoded at quality 30", func(m image.Image) image.Image { return must.M1(jpeg.Decode(bytes.NewReader(encoded(m, 30)))) }, 480, 500},
		{"reduced to 26 pixels", func(m image.Image) image.Image { return scaled(scaled(m, 26), 32) }, 495, 500},
		{"reduced to 19 pixels", func(m image.Image) image.Image { return scaled(scaled(m, 19), 32) }, 420, 470},
	} {
		s, found := newShrinker(32, 3), 0
		for i := range set.N {
			d, _ := s.draw(set.Image(i))
			m := way.make(asImage(set, i))
			pixels := make([]uint8, 0, set.ImageLen())
			for at := range 32 * 32 {
				r, g, b, _ := m.At(at%32, at/32).RGBA()
				pixels = append(pixels, uint8(r>>8), uint8(g>>8), uint8(b>>8))
			}
			if e, _ := s.draw(pixels); d.cosine(&e) >= nearCosine {
				found++
			}
		}
		t.Logf("%s: %d of %d", way.name, found, set.N)
		if found < way.least || found > way.most {
			t.Errorf("%s: %d found, want %d to %d", way.name, found, way.least, way.most)
		}
	}
}
