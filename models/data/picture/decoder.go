package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"sync"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// maxPixels is the largest image that is decoded: the size from which Pillow suspects a decompression bomb.
const maxPixels = 89478485

// maxSide bounds a side, by whose length the weights of a resized image are many.
const maxSide = 1 << 20

// largePixels is the size from which only one image at a time is decoded, so that the memory of all decoders together stays bounded.
const largePixels = 1 << 24

var large sync.Mutex

// A Library decodes JPEGs.
type Library string

const (
	// Go is the standard library's image/jpeg.
	Go Library = "go"
	// Turbo is libjpeg-turbo's TurboJPEG.
	Turbo Library = "turbojpeg"
)

// Best is the fastest library that this machine has.
func Best() Library {
	if loadTurbo() == nil {
		return Turbo
	}
	return Go
}

// Choose finds the library of a name; "auto" is [Best]. It fails where the library is not there.
func Choose(name string) (Library, error) {
	if name == "auto" {
		return Best(), nil
	}
	d, err := NewDecoder(Canvas{Size: 1}, Library(name))
	if err != nil {
		return "", err
	}
	d.Close()
	return Library(name), nil
}

// Canvas is what an image becomes.
type Canvas struct {
	// Size is the side in pixels.
	Size int
	// Channels is 3 (RGB) or 1 (gray; of colours their luma). 0 is 3.
	Channels int
	// Window is the range of 16-bit samples that is shown.
	Window Window
}

// Depth is the number of channels.
func (c Canvas) Depth() int {
	if c.Channels == 0 {
		return 3
	}
	return c.Channels
}

// Decoder makes canvases of one kind. It keeps its memory from image to image, and is used by one goroutine at a time.
type Decoder struct {
	canvas Canvas
	levels []uint8 // of 16-bit samples, once there are any
	turbo  *turbo  // nil for Go
	pix    []uint8
	// colours is a row in RGB, of which gray is made.
	colours []uint8
	resizer
}

// NewDecoder returns a decoder for canvases of at least one pixel. It fails where the library is not there. The caller closes it.
func NewDecoder(c Canvas, l Library) (*Decoder, error) {
	if c.Size < 1 || c.Size > maxPixels/c.Size {
		return nil, fmt.Errorf("picture: canvas of %d pixels a side, want at least 1 and at most %d pixels in all: --canvas", c.Size, maxPixels)
	}
	if c.Depth() != 1 && c.Depth() != 3 {
		return nil, fmt.Errorf("picture: canvas of %d channels, want 1 or 3: --channels", c.Channels)
	}
	if err := c.Window.Validate(); err != nil {
		return nil, err
	}
	d := &Decoder{canvas: c, resizer: resizer{channels: c.Depth()}}
	switch l {
	case Go:
	case Turbo:
		if err := loadTurbo(); err != nil {
			return nil, err
		}
		var err error
		if d.turbo, err = newTurbo(); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("picture: library %q, want %s or %s", l, Go, Turbo)
	}
	return d, nil
}

// Close frees what the decoder holds outside Go's memory.
func (d *Decoder) Close() {
	if d.turbo != nil {
		d.turbo.close()
	}
}

// Squeeze decodes an image file into dst, uint8 [size, size, channels], the caller's, and returns the original's width over its height. Where it returns an error, dst holds nothing of use.
func (d *Decoder) Squeeze(dst []uint8, file []byte) (aspect float32, err error) {
	if want := d.channels * d.canvas.Size * d.canvas.Size; len(dst) != want {
		return 0, fmt.Errorf("picture: dst has %d bytes, want %d", len(dst), want)
	}
	width, height, decode, err := d.open(file)
	if err != nil {
		return 0, err
	}
	if err := checkSize(width, height); err != nil {
		return 0, err
	}
	if width*height >= largePixels {
		large.Lock()
		defer large.Unlock()
	}
	r, err := decode()
	if err != nil {
		return 0, err
	}
	if d.channels == 1 {
		w, _ := r.bounds()
		d.colours = grown(d.colours, 3*w)
		r = luma{r, d.colours}
	}
	d.resize(dst, r, d.canvas.Size)
	if width*height >= largePixels {
		d.release()
	}
	return float32(width) / float32(height), nil
}

// checkSize refuses images of no pixels and of too many.
func checkSize(width, height int) error {
	switch {
	case width < 1 || height < 1:
		return fmt.Errorf("picture: %dx%d pixels, want some", width, height)
	case max(width, height) > maxSide:
		return fmt.Errorf("picture: %dx%d pixels, want at most %d a side", width, height, maxSide)
	case height > maxPixels/width:
		return fmt.Errorf("picture: %dx%d pixels, want at most %d", width, height, maxPixels)
	}
	return nil
}

// release frees the memory of a large image, its axes' weights included: one pixel wide, it has as many as pixels.
func (d *Decoder) release() {
	d.pix, d.rows, d.resizer = nil, nil, resizer{channels: d.resizer.channels}
}

// open reads a file's header and returns the original's size and what decodes it, possibly at a fraction of that size.
func (d *Decoder) open(file []byte) (width, height int, decode func() (raster, error), err error) {
	f, ok := sniff(file)
	switch {
	case len(file) == 0:
		return 0, 0, nil, errors.New("picture: the file is empty")
	case !ok:
		return 0, 0, nil, fmt.Errorf("picture: no image: %d bytes that start with %q", len(file), file[:min(len(file), 8)])
	case f.kind == "JPEG":
		return d.openJPEG(file)
	case f.decode == nil:
		return 0, 0, nil, unread("a " + f.kind + " file")
	}
	c, err := f.header(bytes.NewReader(file))
	if err != nil {
		return 0, 0, nil, f.explain(file, err)
	}
	return c.Width, c.Height, func() (raster, error) {
		m, err := f.decode(bytes.NewReader(file))
		if err != nil {
			return nil, f.explain(file, err)
		}
		return d.newRaster(m, f.kind)
	}, nil
}

// A format is found by the bytes of a file from at on. One that is not read is here to be named in the message.
type format struct {
	kind, start string
	at          int
	header      func(io.Reader) (image.Config, error)
	decode      func(io.Reader) (image.Image, error)
}

var formats = []format{
	{kind: "JPEG", start: "\xff\xd8"},
	{"PNG", "\x89PNG\r\n\x1a\n", 0, png.DecodeConfig, png.Decode},
	{"TIFF", "II*\x00", 0, tiff.DecodeConfig, tiff.Decode},
	{"TIFF", "MM\x00*", 0, tiff.DecodeConfig, tiff.Decode},
	{"WebP", "RIFF", 0, webp.DecodeConfig, webp.Decode},
	{"BMP", "BM", 0, bmp.DecodeConfig, bmp.Decode},
	{kind: "GIF", start: "GIF8"},
	{kind: "PGM", start: "P2"},
	{kind: "PGM", start: "P5"},
	{kind: "PPM", start: "P3"},
	{kind: "PPM", start: "P6"},
	{kind: "HEIC", start: "ftyphe", at: 4},
	{kind: "HEIF", start: "ftypmif1", at: 4},
	{kind: "HEIF (AVIF)", start: "ftypavi", at: 4},
	{kind: "BigTIFF", start: "II+\x00"},
	{kind: "BigTIFF", start: "MM\x00+"},
}

// explain is an error of the format's decoder, with what is wanted where the file is of a kind that it does not read.
func (f format) explain(file []byte, err error) error {
	switch {
	case f.kind == "TIFF":
		return explainTIFF(file, err)
	case f.kind == "WebP" && isAnimated(file):
		return unread("an animated WebP")
	}
	return fmt.Errorf("picture: %w", err)
}

// unread is the error of a file of a kind that is not read.
func unread(what string) Unread {
	return Unread{fmt.Sprintf("picture: %s, want JPEG, PNG, TIFF, WebP (still) or BMP: convert it", what)}
}

func sniff(file []byte) (format, bool) {
	for _, f := range formats {
		if bytes.HasPrefix(file[min(f.at, len(file)):], []byte(f.start)) {
			return f, true
		}
	}
	return format{}, false
}

// boundsOf is an image's size.
func boundsOf(m image.Image) (width, height int) { return m.Bounds().Dx(), m.Bounds().Dy() }
