package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"strconv"
	"strings"
)

// maxSample is the highest 16-bit sample.
const maxSample = 1<<16 - 1

// Window is the range of 16-bit samples that becomes the levels 0 to 255, linearly: sample v becomes 255 (v-Low)/(High-Low),
// rounded to nearest, halves up; what is outside becomes 0 or 255. The zero Window is none: see the package comment.
type Window struct {
	Low  int `json:"low"`
	High int `json:"high"`
}

// ParseWindow reads what [Window.String] writes: "LOW,HIGH", of 0 to 65535, LOW below HIGH; "" is none.
func ParseWindow(text string) (Window, error) {
	if text == "" {
		return Window{}, nil
	}
	low, high, _ := strings.Cut(text, ",")
	var w Window
	var err, other error
	w.Low, err = strconv.Atoi(low)
	w.High, other = strconv.Atoi(high)
	if err != nil || other != nil || w.Validate() != nil || w == (Window{}) {
		return Window{}, fmt.Errorf("picture: window %q, want LOW,HIGH with 0 <= LOW < HIGH <= %d", text, maxSample)
	}
	return w, nil
}

// String is LOW,HIGH; "" for none.
func (w Window) String() string {
	if w == (Window{}) {
		return ""
	}
	return fmt.Sprintf("%d,%d", w.Low, w.High)
}

// Validate refuses limits that are no range of samples.
func (w Window) Validate() error {
	if w != (Window{}) && (w.Low < 0 || w.High > maxSample || w.Low >= w.High) {
		return fmt.Errorf("picture: window from %d to %d, want 0 <= low < high <= %d", w.Low, w.High, maxSample)
	}
	return nil
}

// levels is the level of each sample.
func (w Window) levels() []uint8 {
	if w == (Window{}) {
		w.High = maxSample
	}
	all, span := make([]uint8, maxSample+1), w.High-w.Low
	for v := range all {
		all[v] = uint8(min(max(2*255*(v-w.Low)+span, 0)/(2*span), 255))
	}
	return all
}

// grayLevels are the levels of the samples of gray images.
func (d *Decoder) grayLevels() []uint8 {
	if d.levels == nil {
		d.levels = d.canvas.Window.levels()
	}
	return d.levels
}

// colourLevels are those of colour images, nil for the samples' high bytes.
func (d *Decoder) colourLevels() []uint8 {
	if d.canvas.Window == (Window{}) {
		return nil
	}
	return d.grayLevels()
}

// Deep tells whether a file has 16-bit samples, by its header.
func Deep(file []byte) bool {
	f, ok := sniff(file)
	if !ok || f.header == nil {
		return false
	}
	c, err := f.header(bytes.NewReader(file))
	return err == nil && (c.ColorModel == color.Gray16Model || c.ColorModel == color.RGBA64Model || c.ColorModel == color.NRGBA64Model)
}

// Count adds the 16-bit samples of a file to counts, [65536], alpha's not among them; of another file it adds none. An error
// says that the image is broken.
func Count(counts []int64, file []byte) error {
	if !Deep(file) {
		return nil
	}
	f, _ := sniff(file)
	c, err := f.header(bytes.NewReader(file))
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	if err := checkSize(c.Width, c.Height); err != nil {
		return err
	}
	m, err := f.decode(bytes.NewReader(file))
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	add := func(pix []uint8, step, samples int) {
		for at := 0; at < len(pix); at += step {
			for s := at; s < at+2*samples; s += 2 {
				counts[int(pix[s])<<8|int(pix[s+1])]++
			}
		}
	}
	switch m := m.(type) {
	case *image.Gray16:
		add(m.Pix, 2, 1)
	case *image.RGBA64:
		add(m.Pix, 8, 3)
	case *image.NRGBA64:
		add(m.Pix, 8, 3)
	}
	return nil
}

// rgb16 holds four big-endian words a pixel.
type rgb16 struct {
	pix           []uint8
	width, height int
	levels        []uint8
}

func (r rgb16) bounds() (int, int) { return r.width, r.height }

func (r rgb16) row(y int, buf []uint8) []uint8 {
	row := r.pix[y*r.width*8 : (y+1)*r.width*8]
	for x := range r.width {
		for c := range 3 {
			at := 8*x + 2*c
			if r.levels == nil {
				buf[3*x+c] = row[at]
			} else {
				buf[3*x+c] = r.levels[int(row[at])<<8|int(row[at+1])]
			}
		}
	}
	return buf[:3*r.width]
}

type gray16 struct {
	*image.Gray16
	levels []uint8
}

func (g gray16) bounds() (int, int) { return boundsOf(g) }

func (g gray16) row(y int, buf []uint8) []uint8 {
	w, _ := boundsOf(g)
	row := g.Pix[y*g.Stride : y*g.Stride+2*w]
	for x := range w {
		v := g.levels[int(row[2*x])<<8|int(row[2*x+1])]
		buf[3*x], buf[3*x+1], buf[3*x+2] = v, v, v
	}
	return buf[:3*w]
}
