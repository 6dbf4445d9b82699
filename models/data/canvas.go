package data

import (
	"image"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// glyphSize is the height and width of a drawing in pixels.
const glyphSize = 32

// A colour is RGB, each 0..255.
type colour [3]int

// A canvas is what one drawing is made on; it is used again for the next.
type canvas struct {
	raster *vector.Rasterizer
	mask   *image.Alpha
	pixels [glyphSize * glyphSize * 3]int
}

func newCanvas() *canvas {
	return &canvas{raster: vector.NewRasterizer(glyphSize, glyphSize), mask: image.NewAlpha(image.Rect(0, 0, glyphSize, glyphSize))}
}

// gradient fills the canvas with a colour that changes by up to slope, in levels a pixel, from the middle on.
func (c *canvas) gradient(base colour, slopeX, slopeY float32) {
	for y := range glyphSize {
		for x := range glyphSize {
			lift := int(float32(slopeX*float32(x-glyphSize/2)) + float32(slopeY*float32(y-glyphSize/2)))
			for ch := range 3 {
				c.pixels[3*(y*glyphSize+x)+ch] = base[ch] + lift
			}
		}
	}
}

// fill paints a closed, antialiased shape; opacity is 0..255.
func (c *canvas) fill(shape outline, to transform, paint colour, opacity int) {
	c.raster.Reset(glyphSize, glyphSize)
	c.raster.DrawOp = draw.Src
	for i, s := range shape {
		var p [3]point
		for j, q := range s.points {
			p[j] = to.apply(q)
		}
		switch {
		case s.move:
			if i > 0 {
				c.raster.ClosePath()
			}
			c.raster.MoveTo(p[0].x, p[0].y)
		case len(s.points) == 1:
			c.raster.LineTo(p[0].x, p[0].y)
		case len(s.points) == 2:
			c.raster.QuadTo(p[0].x, p[0].y, p[1].x, p[1].y)
		default:
			c.raster.CubeTo(p[0].x, p[0].y, p[1].x, p[1].y, p[2].x, p[2].y)
		}
	}
	c.raster.ClosePath()
	c.raster.Draw(c.mask, c.mask.Bounds(), image.Opaque, image.Point{})
	for i, coverage := range c.mask.Pix {
		if coverage == 0 {
			continue
		}
		alpha := int(coverage) * opacity
		for ch := range 3 {
			at := &c.pixels[3*i+ch]
			*at += (paint[ch] - *at) * alpha / (255 * 255)
		}
	}
}

// store writes the canvas into dst, uint8 [32, 32, 3], with noise of the given deviation in levels.
func (c *canvas) store(dst []uint8, s *stream, deviation int) {
	var w uint64
	for i, v := range c.pixels {
		if i%2 == 0 {
			w = s.word()
		}
		// The sum of four bytes has a deviation of 148 about 510.
		sum := int(w&0xff) + int(w>>8&0xff) + int(w>>16&0xff) + int(w>>24&0xff)
		w >>= 32
		dst[i] = uint8(min(max(v+(sum-510)*deviation/148, 0), 255))
	}
}

// A transform takes the point (x, y) to (xx*x + xy*y + dx, yx*x + yy*y + dy).
type transform struct{ xx, xy, yx, yy, dx, dy float32 }

// place returns the transform that shears, scales, rotates (radians) and moves the origin to (x, y), in this order.
func place(shear, scaleX, scaleY, angle, x, y float32) transform {
	sin64, cos64 := math.Sincos(float64(angle))
	sin, cos := float32(sin64), float32(cos64)
	// The columns of the shear are (1, 0) and (shear, 1).
	sx, sy := float32(shear*scaleX), scaleY
	return transform{
		xx: cos * scaleX, xy: float32(cos*sx) - float32(sin*sy), dx: x,
		yx: sin * scaleX, yy: float32(sin*sx) + float32(cos*sy), dy: y,
	}
}

// apply rounds every product, so that no compiler fuses it with the sum and changes the drawing.
func (t transform) apply(p point) point {
	return point{
		float32(t.xx*p.x) + float32(t.xy*p.y) + t.dx,
		float32(t.yx*p.x) + float32(t.yy*p.y) + t.dy,
	}
}
