package doctor

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
	"golang.org/x/image/tiff"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/encoder"
)

// stages are the stages that an examination has gone through, and its notes.
type stages struct {
	names, notes []string
}

func (s *stages) Note(note string) { s.notes = append(s.notes, note) }

func (s *stages) Stage(name string) encoder.Progress {
	s.names = append(s.names, name)
	return nil
}

// scan is a glyph as a gray TIFF of 12 bits in 16: samples of 100 to 3670.
func scan(set *data.Set, i, side int) []byte {
	m := image.NewGray16(image.Rect(0, 0, side, side))
	g := scaled(asImage(set, i), side)
	for at := range side * side {
		v := color.GrayModel.Convert(g.At(at%side, at/side)).(color.Gray).Y
		m.SetGray16(at%side, at/side, color.Gray16{Y: 100 + 14*uint16(v)})
	}
	var b bytes.Buffer
	must.M(tiff.Encode(&b, m, nil))
	return b.Bytes()
}

func text(r *Report) string {
	var b strings.Builder
	must.M(r.WriteText(&b))
	return b.String()
}

// Gray images of 12 bits in 16 are looked at in the window that is proposed, which is that of a run's --window=1%,99%; so are
// the test images. Their own size, channels and bits are told, and one channel is proposed. None of them is flat, and the
// duplicate among them is found.
func TestDeepScans(t *testing.T) {
	dir := t.TempDir()
	set := must.M1(data.Open("glyphs", "", "train", data.Options{N: 64}))
	for i := range 48 {
		write(fmt.Sprintf("%s/train/a/%02d.tif", dir, i), scan(set, i, 32))
	}
	for i := range 8 {
		write(fmt.Sprintf("%s/val/a/%02d.tif", dir, i), scan(set, 47+i, 32))
	}
	c := dataset.Config{Kind: "folder", Dir: dir, Canvas: 256}
	percentiles := c
	percentiles.Window = "1%,99%"
	window := must.M1(percentiles.Measured()).Window
	s := &stages{}
	r := must.M1(Examine(t.Context(), Options{Data: c, Progress: s}))
	train, test := r.Splits[0], r.Splits[1]
	if train.Flat.Images+test.Flat.Images > 0 || r.Leaks.Exact != 1 || train.Deviation[0] < 0.1 || train.Window != window || test.Window != window {
		t.Errorf("train %+v, test %+v, %d leaks, want no flat images and window %s", train, test, r.Leaks.Exact, window)
	}
	got := text(r)
	for _, want := range []string{
		"train: 48 images of 32x32 pixels, 1 channel, 16 bits; looked at as 64x64x3 in window " + window + ", mean",
		"--channels=1", "the images are gray", "--window=" + window, "16-bit samples: the part of 0 to 65535 that they use",
		" --canvas=40 --channels=1 --window=" + window + " ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\ndoes not have %q", got, want)
		}
	}
	if len(s.notes) > 0 {
		t.Errorf("notes %q, want none: there is a window", s.notes)
	}
	f := must.M1(Look(t.Context(), c))
	if f != r.Facts || f.Window != window || !f.Gray {
		t.Errorf("--preset=auto goes by %+v, the doctor by %+v", f, r.Facts)
	}
	c.Window = "0,4095"
	r = must.M1(Examine(t.Context(), Options{Data: c}))
	if r.Facts.Window != "" || r.Splits[0].Window != "0,4095" || strings.Count(text(r), "--window=0,4095") != 2 {
		t.Errorf("%s\nwant the window that was set", text(r))
	}
}

// Images of several kinds are told of as such, and colours among them keep three channels; RGB files without colour are gray.
func TestImagesOfSeveralKinds(t *testing.T) {
	dir := t.TempDir()
	set := must.M1(data.Open("glyphs", "", "train", data.Options{N: 40}))
	for i := range 20 {
		write(fmt.Sprintf("%s/a/%02d.tif", dir, i), scan(set, i, 40))
		var b bytes.Buffer
		m := scaled(asImage(set, 20+i), 50+i).(*image.NRGBA)
		for at := 0; at < len(m.Pix); at += 4 {
			m.Pix[at+1], m.Pix[at+2] = m.Pix[at], m.Pix[at]
		}
		must.M(png.Encode(&b, m))
		write(fmt.Sprintf("%s/b/%02d.png", dir, i), b.Bytes())
	}
	c := dataset.Config{Kind: "folder", Dir: dir, Canvas: 256}
	r := must.M1(Examine(t.Context(), Options{Data: c}))
	if got := text(r); !strings.Contains(got, "40 images of 40 to 69 by 40 to 69 pixels, 1 or 3 channels, 8 or 16 bits;") || !strings.Contains(r.Command, " --channels=1 --window=") {
		t.Errorf("%s", got)
	}
	m := image.NewNRGBA(image.Rect(0, 0, 50, 50))
	for at := range 2500 {
		m.SetNRGBA(at%50, at/50, color.NRGBA{uint8(at), uint8(at / 10), 9, 255})
	}
	write(dir+"/b/colours.jpg", encoded(m, 90))
	if r = must.M1(Examine(t.Context(), Options{Data: c})); strings.Contains(r.Command, "--channels") {
		t.Errorf("%s, want no channels: one image has colours", r.Command)
	}
}

// Where all images are flat, nothing is said to have been compared; the same pixels are found all the same.
func TestAllFlat(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		var b bytes.Buffer
		m := image.NewGray(image.Rect(0, 0, 40, 40))
		for at := range m.Pix {
			m.Pix[at] = uint8(10 * min(i, 18))
		}
		must.M(png.Encode(&b, m))
		write(fmt.Sprintf("%s/%02d.png", dir, i), b.Bytes())
	}
	s := &stages{}
	got := text(must.M1(Examine(t.Context(), Options{Data: dataset.Config{Kind: "folder", Dir: dir, Canvas: 256}, Progress: s})))
	if strings.Contains(strings.Join(s.names, "; "), "comparing") || strings.Contains(got, "distinct") || !strings.Contains(got, "1 exact; all images are flat") {
		t.Errorf("stages %q, %s", s.names, got)
	}
}

// Too few images for a batch end in a sentence in place of settings; those that make one small batch get it.
func TestFewImages(t *testing.T) {
	set := must.M1(data.Open("glyphs", "", "train", data.Options{N: 24}))
	for n, want := range map[int]string{
		24: " --batch=16 --queue=16 ",
		12: "settings\n  none: 12 training images, want at least 16, two for each of the 8 BatchNorm groups of a batch: ",
	} {
		dir := t.TempDir()
		for i := range n {
			write(fmt.Sprintf("%s/a/%02d.jpg", dir, i), encoded(glyph(set, i), 90))
		}
		r := must.M1(Examine(t.Context(), Options{Data: dataset.Config{Kind: "folder", Dir: dir, Canvas: 256}}))
		if got := text(r); !strings.Contains(got, want) || strings.Contains(got, "epoch: 0") || n == 12 && (r.Command != "" || strings.Contains(got, "queue of 0")) {
			t.Errorf("%d images: %s\nwant %q", n, got, want)
		}
	}
}

// Of four kinds of images the numbers add up, and groups are told of where duplicates of duplicates make them fewer. No
// similarity is above 1.
func TestNumbersAddUp(t *testing.T) {
	s := &Split{Name: "train", Images: 10, Exact: 1, Near: 2, Mirrored: 1, Distinct: 6, Groups: 5}
	if got := text(&Report{Splits: []*Split{s}}); !strings.Contains(got, "1 exact, 2 near, 1 mirrored; 6 distinct, which have no earlier one (in 5 groups") ||
		!strings.Contains(got, "look alike, as digits and line drawings do") {
		t.Errorf("%s", got)
	}
	// a and b are apart, c is near both.
	a := newAlbum(3)
	for i := range 3 {
		a.contents[i][0] = byte(i + 1)
	}
	f, _ := newFindings(a, 3)
	f.similar(pair{0, 2, 0.99, true})
	f.similar(pair{1, 2, 0.985, false})
	var split Split
	f.tell(&split, 0, 3)
	if split.Mirrored != 1 || split.Near != 0 || split.Distinct != 2 || split.Groups != 1 {
		t.Errorf("%+v, want 1 mirrored, 2 distinct, 1 group", split)
	}
	above := 0
	for n := range 2000 {
		d := drawing{}
		sum := 0
		for i := range d.values {
			d.values[i] = int8((n*31 + i*i*7) % 127)
			sum += int(d.values[i]) * int(d.values[i])
		}
		d.length = float32(math.Sqrt(float64(sum)))
		if d.cosine(&d) > 1 {
			above++
		}
	}
	if above > 0 {
		t.Errorf("%d cosines above 1", above)
	}
}
