// Package specimen draws folders of images that are like ImageNet's to a decoder: JPEGs of many sizes in class folders, and the odd ones among them. Benchmarks and tests train and time on them where no data set is at hand.
//
// # Determinism
//
// The files depend on the [Options] alone, up to the version of Go's image/jpeg.
package specimen

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"

	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// Options are what is drawn.
type Options struct {
	// Images is how many, over all classes.
	Images int
	// Classes is the number of class folders; 0 puts all images into the folder itself.
	Classes int
	// Width and Height are an ordinary image's, in pixels; ImageNet's average is 500x375.
	Width, Height int
	// Odd makes one image in ten another size or kind: portrait, tiny, very wide, gray, CMYK, PNG with alpha.
	Odd bool
	// Seed varies the images.
	Seed uint64
}

// cmyk is a CMYK JPEG as Adobe writes them, which Go can decode but not encode.
//
//go:embed cmyk.jpg
var cmyk []byte

// Folder draws the images into dir, which it makes: class_03/img_000123.JPEG. It stops when ctx ends, with its error.
func Folder(ctx context.Context, dir string, o Options) error {
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var wg guard.Group
	for w := range workers {
		wg.Go(func() {
			for i := w; i < o.Images && errs[w] == nil; i += workers {
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = write(dir, i, o)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("specimen: %w", err)
		}
	}
	return nil
}

func write(dir string, i int, o Options) error {
	if o.Classes > 0 {
		dir = filepath.Join(dir, fmt.Sprintf("class_%02d", i%o.Classes))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, extension, err := draw(i, o)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fmt.Sprintf("img_%06d.%s", i, extension)), file, 0o644)
}

// draw returns an image file and its extension.
func draw(i int, o Options) (file []byte, extension string, err error) {
	width, height := o.Width, o.Height
	kind := -1
	if o.Odd && i%10 == 9 {
		kind = i / 10 % 7
	}
	switch kind {
	case 0:
		width, height = height, width
	case 1:
		width, height = max(1, width/20), max(1, height/10)
	case 2:
		width, height = 2*width, max(1, height/8)
	case 3:
		return cmyk, "JPEG", nil
	}
	class := 0
	if o.Classes > 0 {
		class = i % o.Classes
	}
	m := photograph(width, height, class, rand.New(rand.NewPCG(o.Seed, uint64(i))))
	var b bytes.Buffer
	switch kind {
	case 4:
		err = jpeg.Encode(&b, &image.Gray{Pix: m.Y, Stride: m.YStride, Rect: m.Rect}, &jpeg.Options{Quality: 90})
	case 5:
		err = png.Encode(&b, transparent(m))
		return b.Bytes(), "png", err
	default:
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 90})
	}
	return b.Bytes(), "JPEG", err
}

// photograph has the detail of a photograph, roughly, and colours and waves by its class.
func photograph(width, height, class int, random *rand.Rand) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	fx, fy := 6+2*float64(class%5), 5+3*float64(class/5%4)
	phase, texture := 6*random.Float64(), 0.0
	across := make([]float64, width)
	for x := range across {
		across[x] = 45 * math.Sin(fx*float64(x)/float64(width)+phase)
	}
	for y := range height {
		down := 128 + 30*math.Cos(fy*float64(y)/float64(height)+phase)
		for x := range width {
			texture = 0.9*texture + 16*(random.Float64()-0.5)
			m.Y[y*m.YStride+x] = uint8(min(max(down+across[x]+texture, 0), 255))
		}
	}
	blue, red := 90+13*(class%7), 165-11*(class%6)
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = uint8(blue+i%m.CStride*20/m.CStride), uint8(red-i/m.CStride%20)
	}
	return m
}

// transparent is the picture with holes.
func transparent(m *image.YCbCr) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			c := color.NRGBAModel.Convert(m.YCbCrAt(x, y)).(color.NRGBA)
			c.A = uint8(x * y)
			out.SetNRGBA(x, y, c)
		}
	}
	return out
}
