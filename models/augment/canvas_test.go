package augment

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/picture"
)

// canvasRecording is testdata/canvas.json: see gen_canvas.py.
type canvasRecording struct {
	Size, Step int
	Cases      []canvasCase
}

type canvasCase struct {
	Width, Height int
	Fine          bool       // with detail that a canvas barely holds
	Box           [4]float64 // top, left, height, width in pixels of the original
	View          []byte
}

// area is the box's share of the original.
func (c canvasCase) area() float64 {
	return c.Box[2] * c.Box[3] / float64(c.Width*c.Height)
}

// smoothPNG is the generator's original as a file.
func smoothPNG(width, height int, fine bool) []byte {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for py := range height {
		for px := range width {
			x, y := float64(px)/float64(width), float64(py)/float64(height)
			level := func(c float64) uint8 {
				v := 128 + 60*math.Sin(5*x+3*y+c) + 40*math.Sin(31*x*y+2*c) + 20*math.Sin(90*(x-y)+c)
				if fine {
					v += 30 * math.Sin(2*math.Pi*80*x)
				}
				return uint8(min(max(v, 0), 255))
			}
			m.SetRGBA(px, py, color.RGBA{level(0), level(1), level(2), 255})
		}
	}
	var b bytes.Buffer
	must.M((&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, m))
	return b.Bytes()
}

// off is how far views of canvases of side pixels are from the recorded ones, in levels of 255 on average, by case.
func (r canvasRecording) off(t *testing.T, side int) []float64 {
	t.Helper()
	d := must.M1(picture.NewDecoder(picture.Canvas{Size: side}, picture.Go))
	defer d.Close()
	b := batch{side: side, channels: 3}
	for _, c := range r.Cases {
		canvas := make([]uint8, 3*side*side)
		aspect := must.M1(d.Squeeze(canvas, smoothPNG(c.Width, c.Height, c.Fine)))
		if want := float32(c.Width) / float32(c.Height); aspect != want {
			t.Fatalf("aspect %v, want %v", aspect, want)
		}
		v := Neutral()
		w, h := float64(c.Width), float64(c.Height)
		v.Top, v.Left, v.Height, v.Width = c.Box[0]/h, c.Box[1]/w, c.Box[2]/h, c.Box[3]/w
		b.add(canvas, v)
	}
	views := b.apply(t, unit(), r.Size)
	off := make([]float64, len(r.Cases))
	for n, c := range r.Cases {
		view := views[n*3*r.Size*r.Size:]
		count := 0
		for y := 0; y < r.Size; y += r.Step {
			for x := 0; x < r.Size; x += r.Step {
				for ch := range 3 {
					off[n] += math.Abs(255*float64(view[3*(y*r.Size+x)+ch]) - float64(c.View[count]))
					count++
				}
			}
		}
		if count != len(c.View) {
			t.Fatalf("the recording has %d values, want %d", len(c.View), count)
		}
		off[n] /= float64(count)
	}
	return off
}

// TestCropsFromCanvases holds crops of a canvas, made in the graph, to torchvision's crops of the original with the
// same boxes: of smooth images within 3 levels of 255 on average from half the area on. Smaller boxes have fewer of the
// canvas's pixels than the view wants, which shows in fine detail: how far they are off is reported, and that a larger
// canvas brings them nearer.
func TestCropsFromCanvases(t *testing.T) {
	var rec canvasRecording
	must.M(json.Unmarshal(must.M1(os.ReadFile(filepath.Join("testdata", "canvas.json"))), &rec))
	usual, large := rec.off(t, 256), rec.off(t, 384)
	for n, c := range rec.Cases {
		t.Logf("original %dx%d, fine %t, box %v (%.0f %% of the area, %.0fx%.0f of 256 pixels): off by %.2f of 255 with canvas 256, %.2f with 384",
			c.Width, c.Height, c.Fine, c.Box, 100*c.area(), 256*c.Box[3]/float64(c.Width), 256*c.Box[2]/float64(c.Height), usual[n], large[n])
		half := c.area() >= 0.49 // boxes are whole pixels: half the area may be a little less
		if !c.Fine && half && !(usual[n] < 3) {
			t.Errorf("original %dx%d, box %v: off by %.2f of 255, want below 3", c.Width, c.Height, c.Box, usual[n])
		}
		if !c.Fine && !(usual[n] < 6) {
			t.Errorf("original %dx%d, small box %v: off by %.2f of 255, want below 6", c.Width, c.Height, c.Box, usual[n])
		}
		if c.Fine && c.area() < 0.9 && !(large[n] < usual[n]) { // nearly the whole image goes into a view as it is
			t.Errorf("original %dx%d, box %v: off by %.2f with canvas 384 and %.2f with 256, want nearer", c.Width, c.Height, c.Box, large[n], usual[n])
		}
	}
}
