package picture

import (
	"fmt"
	"image"
	"image/color"
)

// A raster gives an image's rows as RGB.
type raster interface {
	bounds() (width, height int)
	// row returns row y, uint8 [width, 3]: in buf, which has room for it, or the raster's own memory.
	row(y int, buf []uint8) []uint8
}

// newRaster takes what the decoders of formats make, by the format's kind.
func (d *Decoder) newRaster(m image.Image, kind string) (raster, error) {
	w, h := boundsOf(m)
	switch m := m.(type) {
	case *image.RGBA:
		if kind == "TIFF" && !m.Opaque() {
			return associated{m}, nil
		}
		return rgb{m.Pix, w, h, 4}, nil // of an opaque image: nothing is premultiplied
	case *image.NRGBA:
		return rgb{m.Pix, w, h, 4}, nil
	case *image.RGBA64:
		return rgb16{m.Pix, w, h, d.colourLevels()}, nil
	case *image.NRGBA64:
		return rgb16{m.Pix, w, h, d.colourLevels()}, nil
	case *image.Gray:
		return gray{m}, nil
	case *image.Gray16:
		return gray16{m, d.grayLevels()}, nil
	case *image.Paletted:
		return newPaletted(m)
	case *image.YCbCr:
		if kind == "WebP" {
			return vp8{m}, nil
		}
		return ycbcr{m}, nil
	case *image.NYCbCrA: // WebP's alone
		return vp8{&m.YCbCr}, nil
	case *image.CMYK:
		return cmyk{m}, nil
	}
	return nil, fmt.Errorf("picture: pixels are %T, want one of the kinds of %s", m, kind)
}

// rgb holds step bytes a pixel, of which the first three are red, green and blue.
type rgb struct {
	pix                 []uint8
	width, height, step int
}

func (r rgb) bounds() (int, int) { return r.width, r.height }

func (r rgb) row(y int, buf []uint8) []uint8 {
	row := r.pix[y*r.width*r.step : (y+1)*r.width*r.step]
	if r.step == 3 {
		return row
	}
	for x := range r.width {
		copy(buf[3*x:3*x+3], row[x*r.step:])
	}
	return buf[:3*r.width]
}

// luma is a colour image's gray, a byte a pixel: Pillow's convert("L"). Of equal channels it is that channel.
type luma struct {
	raster
	line []uint8 // an RGB row
}

func (l luma) row(y int, buf []uint8) []uint8 {
	row := l.raster.row(y, l.line)
	for x := range buf {
		p := row[3*x : 3*x+3 : 3*x+3]
		buf[x] = uint8((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
	}
	return buf
}

type gray struct{ *image.Gray }

func (g gray) bounds() (int, int) { return boundsOf(g) }

func (g gray) row(y int, buf []uint8) []uint8 {
	w, _ := boundsOf(g)
	for x, v := range g.Pix[y*g.Stride : y*g.Stride+w] {
		buf[3*x], buf[3*x+1], buf[3*x+2] = v, v, v
	}
	return buf[:3*w]
}

type paletted struct {
	*image.Paletted
	colours [256][3]uint8 // black where the palette ends
}

// newPaletted keeps the colours of transparent entries: it knows the palettes of the formats that have one.
func newPaletted(m *image.Paletted) (raster, error) {
	p := paletted{Paletted: m}
	for i, c := range m.Palette {
		switch c := c.(type) {
		case color.RGBA:
			p.colours[i] = [3]uint8{c.R, c.G, c.B}
		case color.NRGBA:
			p.colours[i] = [3]uint8{c.R, c.G, c.B}
		case color.RGBA64: // TIFF's, opaque
			p.colours[i] = [3]uint8{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8)}
		default:
			return nil, fmt.Errorf("picture: palette of %T, want RGBA, NRGBA or RGBA64", c)
		}
	}
	return p, nil
}

func (p paletted) bounds() (int, int) { return boundsOf(p) }

func (p paletted) row(y int, buf []uint8) []uint8 {
	w, _ := boundsOf(p)
	for x, i := range p.Pix[y*p.Stride : y*p.Stride+w] {
		copy(buf[3*x:3*x+3], p.colours[i][:])
	}
	return buf[:3*w]
}

type ycbcr struct{ *image.YCbCr }

func (m ycbcr) bounds() (int, int) { return boundsOf(m) }

func (m ycbcr) row(y int, buf []uint8) []uint8 {
	w, _ := boundsOf(m)
	at, chroma := m.YOffset(0, y), m.COffset(0, y)
	shift := 0
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		shift = 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		shift = 2
	}
	for x, luma := range m.Y[at : at+w] {
		c := chroma + x>>shift
		buf[3*x], buf[3*x+1], buf[3*x+2] = color.YCbCrToRGB(luma, m.Cb[c], m.Cr[c])
	}
	return buf[:3*w]
}

// cmyk is image/jpeg's: 255 is full ink.
type cmyk struct{ *image.CMYK }

func (m cmyk) bounds() (int, int) { return boundsOf(m) }

func (m cmyk) row(y int, buf []uint8) []uint8 {
	w, _ := boundsOf(m)
	return inksToRGB(buf, m.Pix[y*m.Stride:y*m.Stride+4*w], 255)
}

// inverted is TurboJPEG's, as the file has it: 0 is full ink.
type inverted struct {
	pix           []uint8
	width, height int
}

func (m inverted) bounds() (int, int) { return m.width, m.height }

func (m inverted) row(y int, buf []uint8) []uint8 {
	return inksToRGB(buf, m.pix[4*y*m.width:4*(y+1)*m.width], 0)
}

// inksToRGB converts CMYK as Pillow does; xor 255 where 255 is full ink, 0 where 0 is.
func inksToRGB(buf, inks []uint8, xor uint8) []uint8 {
	n := len(inks) / 4
	for x := range n {
		left := uint32(inks[4*x+3] ^ xor) // what black leaves of the light
		for c := range 3 {
			t := uint32(^(inks[4*x+c]^xor))*left + 128
			buf[3*x+c] = uint8(left - (t+t>>8)>>8)
		}
	}
	return buf[:3*n]
}
