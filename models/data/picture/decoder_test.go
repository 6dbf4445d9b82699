package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// photograph is a JPEG of width x height pixels with the detail of a photograph, roughly, as ImageNet's are compressed.
func photograph(width, height int) []byte {
	noise := rand.New(rand.NewPCG(1, 2))
	m := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	value := 128.0
	for i := range m.Y {
		value += 12*noise.NormFloat64() - 0.05*(value-128)
		m.Y[i] = uint8(min(max(value, 0), 255))
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = uint8(100+i%50), uint8(150-i%40)
	}
	var b bytes.Buffer
	must.M(jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}))
	return b.Bytes()
}

// extendedWebP is a WebP of 8x8 pixels with such flags, and no picture before its first frame.
func extendedWebP(flags byte) []byte {
	chunks := "VP8X\x0a\x00\x00\x00" + string(rune(flags)) + "\x00\x00\x00\x07\x00\x00\x07\x00\x00" + "ANIM\x06\x00\x00\x00\xff\xff\xff\xff\x00\x00"
	return []byte("RIFF" + string(rune(4+len(chunks))) + "\x00\x00\x00WEBP" + chunks)
}

func TestBrokenFiles(t *testing.T) {
	whole := photograph(64, 48)
	var huge bytes.Buffer
	must.M(png.Encode(&huge, image.NewGray(image.Rect(0, 0, 4, 4))))
	claims := bytes.Clone(huge.Bytes())
	copy(claims[16:], "\x00\x01\x00\x00\x00\x01\x00\x00") // 65536x65536, with the checksum of 4x4
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"text", []byte("<html>not found</html>"), `start with "<html>no"`},
		{"gif", []byte("GIF89a and so on"), "a GIF file, want JPEG, PNG, TIFF, WebP (still) or BMP"},
		{"pgm", []byte("P5 8 8 255 and so on"), "a PGM file, want"},
		{"ppm", []byte("P3 8 8 255 and so on"), "a PPM file, want"},
		{"heic", []byte("\x00\x00\x00\x18ftypheic and so on"), "a HEIC file, want"},
		{"avif", []byte("\x00\x00\x00\x1cftypavif and so on"), "a HEIF (AVIF) file, want"},
		{"animated webp", extendedWebP(0x12), "an animated WebP, want JPEG, PNG, TIFF, WebP (still) or BMP: convert it"},
		{"broken webp", extendedWebP(0x10), "webp: invalid format"},
		{"start only", whole[:2], ""},
		{"header only", whole[:200], ""},
		{"cut", whole[:len(whole)/2], ""},
		{"png cut", huge.Bytes()[:len(huge.Bytes())-20], ""},
		{"png size", claims, ""},
	} {
		for _, library := range libraries(t) {
			t.Run(string(library)+"/"+test.name, func(t *testing.T) {
				d := must.M1(NewDecoder(Canvas{Size: 8}, library))
				defer d.Close()
				_, err := d.Squeeze(make([]uint8, 3*8*8), test.file)
				if err == nil || !strings.HasPrefix(err.Error(), "picture: ") || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want one of picture that says %q", err, test.want)
				}
			})
		}
	}
}

// TestMaxPixels holds back a small file that would take gigabytes.
func TestMaxPixels(t *testing.T) {
	var b bytes.Buffer
	must.M(png.Encode(&b, &uniform{image.Rect(0, 0, 20000, 5000)}))
	d := must.M1(NewDecoder(Canvas{Size: 8}, Go))
	if _, err := d.Squeeze(make([]uint8, 3*8*8), b.Bytes()); err == nil || !strings.Contains(err.Error(), "20000x5000 pixels, want at most") {
		t.Errorf("error %v, want the size refused", err)
	}
}

// TestMaxSide holds back an image one pixel wide, whose weights would take more memory than itself by far.
func TestMaxSide(t *testing.T) {
	var b bytes.Buffer
	must.M(png.Encode(&b, &uniform{image.Rect(0, 0, 1, maxSide+1)}))
	d := must.M1(NewDecoder(Canvas{Size: 8}, Go))
	if _, err := d.Squeeze(make([]uint8, 3*8*8), b.Bytes()); err == nil || !strings.Contains(err.Error(), "1x1048577 pixels, want at most 1048576 a side") {
		t.Errorf("error %v, want the size refused", err)
	}
}

// uniform is black and takes no memory.
type uniform struct{ bounds image.Rectangle }

func (u *uniform) ColorModel() color.Model { return color.GrayModel }
func (u *uniform) Bounds() image.Rectangle { return u.bounds }
func (u *uniform) At(int, int) color.Color { return color.Gray{} }

// TestDecoderKeepsNothing alternates sizes and kinds on one decoder: no image leaves a trace in the next.
func TestDecoderKeepsNothing(t *testing.T) {
	r := recorded(t)
	for _, library := range libraries(t) {
		used := must.M1(NewDecoder(Canvas{Size: r.Size}, library))
		defer used.Close()
		got, want := make([]uint8, 3*r.Size*r.Size), make([]uint8, 3*r.Size*r.Size)
		for range 2 {
			for _, c := range r.Cases {
				fresh := must.M1(NewDecoder(Canvas{Size: r.Size}, library))
				must.M1(fresh.Squeeze(want, c.File))
				fresh.Close()
				must.M1(used.Squeeze(got, c.File))
				if !bytes.Equal(got, want) {
					t.Errorf("%s: %s differs on a decoder that was used before", library, c.Name)
				}
			}
		}
	}
}

func TestNewDecoderRefuses(t *testing.T) {
	if _, err := NewDecoder(Canvas{Size: 0}, Go); err == nil {
		t.Error("no error for a canvas of 0 pixels")
	}
	for _, c := range []Canvas{{Size: 8, Channels: 2}, {Size: 8, Window: Window{9, 9}}, {Size: 8, Window: Window{0, 65536}}, {Size: 8, Window: Window{-1, 5}}} {
		if _, err := NewDecoder(c, Go); err == nil {
			t.Errorf("no error for %+v", c)
		}
	}
	if _, err := NewDecoder(Canvas{Size: 8}, "vlc"); err == nil || !strings.Contains(err.Error(), "want go or turbojpeg") {
		t.Errorf("error %v, want the libraries there are", err)
	}
	d := must.M1(NewDecoder(Canvas{Size: 8}, Go))
	if _, err := d.Squeeze(make([]uint8, 5), photograph(8, 8)); err == nil {
		t.Error("no error for a short buffer")
	}
}

// FuzzSqueeze looks for files that panic a decoder, or make the libraries write outside their memory.
func FuzzSqueeze(f *testing.F) {
	for _, c := range recorded(f).Cases {
		f.Add(c.File)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		_ = Count(make([]int64, maxSample+1), file)
		for _, library := range libraries(t) {
			d := must.M1(NewDecoder(Canvas{Size: 4}, library))
			defer d.Close()
			aspect, err := d.Squeeze(make([]uint8, 3*4*4), file)
			if err == nil && !(aspect > 0) {
				t.Errorf("%s: aspect %v of a decoded image, want above 0", library, aspect)
			}
		}
	})
}

// BenchmarkSqueeze decodes and squeezes a photograph of ImageNet's average size to a canvas of 256 pixels.
func BenchmarkSqueeze(b *testing.B) {
	file := photograph(500, 375)
	for _, library := range []Library{Go, Turbo} {
		b.Run("library="+string(library), func(b *testing.B) {
			d, err := NewDecoder(Canvas{Size: 256}, library)
			if err != nil {
				b.Skip(err)
			}
			defer d.Close()
			dst := make([]uint8, 3*256*256)
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Squeeze(dst, file); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

// TestDamageDoesNotStay: after a file cut anywhere, the same decoder gives of the next one what a fresh one gives.
func TestDamageDoesNotStay(t *testing.T) {
	whole := photograph(64, 48)
	for _, library := range libraries(t) {
		fresh := must.M1(NewDecoder(Canvas{Size: 16}, library))
		want := make([]uint8, 3*16*16)
		must.M1(fresh.Squeeze(want, whole))
		fresh.Close()
		d := must.M1(NewDecoder(Canvas{Size: 16}, library))
		defer d.Close()
		got := make([]uint8, len(want))
		for cut := 2; cut < len(whole); cut += 7 {
			_, _ = d.Squeeze(got, whole[:cut]) // it may be decoded but for its last rows
			if _, err := d.Squeeze(got, whole); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: after a file cut at %d the next one is another: error %v", library, cut, err)
			}
		}
	}
}
