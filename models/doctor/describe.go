package doctor

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	// grid is the side of the picture that stands for an image in the search for near duplicates.
	grid  = 16
	cells = grid * grid
)

// content stands for an image's pixels: the first half of a SHA-256.
type content [16]byte

// contentOf hashes the pixels and the aspect ratio that the image had before it was squeezed to a square: images that differ in
// it are not the same.
func contentOf(pixels []uint8, aspect float32) (c content) {
	h := sha256.New()
	h.Write(pixels)
	var shape [4]byte
	binary.LittleEndian.PutUint32(shape[:], math.Float32bits(aspect))
	h.Write(shape[:])
	copy(c[:], h.Sum(nil))
	return c
}

// drawing is an image in gray, 16x16, less its mean, as whole numbers of which the largest is 127; length is its Euclidean
// length. Two images are compared by the cosine of their drawings, which brightness and contrast do not change.
type drawing struct {
	values [cells]int8
	length float32
}

// cosine of two drawings; rounding makes it no more than 1.
func (d *drawing) cosine(e *drawing) float32 {
	sum := int32(0)
	for i, v := range d.values {
		sum += int32(v) * int32(e.values[i])
	}
	return min(float32(sum)/(d.length*e.length), 1)
}

// mirrored is the drawing of the mirror image.
func (d *drawing) mirrored() drawing {
	m := drawing{length: d.length}
	for i, v := range d.values {
		m.values[i/grid*grid+grid-1-i%grid] = v
	}
	return m
}

// code has a bit for each of 256 directions: the sign of a drawing's component along it. Two drawings at the angle a differ in
// a/pi of the bits on average (Charikar 2002).
type code [cells / 64]uint64

// differs counts the bits that differ.
func (c *code) differs(d *code) (n int) {
	for i, word := range c {
		n += bits.OnesCount64(word ^ d[i])
	}
	return n
}

// key is 16 of the bits.
func (c *code) key(table int) uint16 { return uint16(c[table/4] >> (16 * (table % 4))) }

// codeOf turns the drawing by a fixed random rotation, two rounds of random signs and a Walsh-Hadamard transform (Ailon
// and Chazelle 2009), and keeps the signs.
func codeOf(d *drawing) (c code) {
	var v [cells]float32
	for i, x := range d.values {
		v[i] = float32(x)
	}
	for round := range rotation {
		for i := range v {
			if rotation[round][i/64]>>(i%64)&1 == 1 {
				v[i] = -v[i]
			}
		}
		for half := 1; half < cells; half *= 2 {
			for start := 0; start < cells; start += 2 * half {
				for i := start; i < start+half; i++ {
					v[i], v[i+half] = v[i]+v[i+half], v[i]-v[i+half]
				}
			}
		}
	}
	for i, x := range v {
		if x > 0 {
			c[i/64] |= 1 << (i % 64)
		}
	}
	return c
}

// rotation holds the signs of each round: words of SplitMix64 from 0 on.
var rotation = [2]code{
	{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec},
	{0x1b39896a51a8749b, 0x53cb9f0c747ea2ea, 0x2c829abe1f4532e1, 0xc584133ac916ab3c},
}

// shrinker makes drawings of square images of one size. It is used by one goroutine at a time.
type shrinker struct {
	size, channels int
	gray           []float32      // one row of the image
	sums           [cells]float32 // of gray, by area
}

func newShrinker(size, channels int) *shrinker {
	return &shrinker{size: size, channels: channels, gray: make([]float32, size)}
}

// draw averages the image over the areas of the grid's cells, and returns the drawing and the standard deviation of the
// cells in levels of 255. A flat image has the drawing of length 0.
func (s *shrinker) draw(pixels []uint8) (d drawing, deviation float32) {
	clear(s.sums[:])
	for y := range s.size {
		s.row(pixels[y*s.size*s.channels:])
		s.spread(y)
	}
	area := float32(s.size*s.size) / cells
	mean := float32(0)
	for i := range s.sums {
		s.sums[i] /= area
		mean += s.sums[i] / cells
	}
	largest, squares := float32(0), float32(0)
	for i := range s.sums {
		s.sums[i] -= mean
		squares += s.sums[i] * s.sums[i]
		largest = max(largest, s.sums[i], -s.sums[i])
	}
	deviation = float32(math.Sqrt(float64(squares / cells)))
	if deviation < flat {
		return drawing{}, deviation
	}
	whole := 0
	for i, v := range s.sums {
		d.values[i] = int8(math.Round(float64(v / largest * 127)))
		whole += int(d.values[i]) * int(d.values[i])
	}
	d.length = float32(math.Sqrt(float64(whole)))
	return d, deviation
}

// row makes one row gray.
func (s *shrinker) row(pixels []uint8) {
	if s.channels == 3 {
		for x := range s.gray {
			p := pixels[3*x : 3*x+3]
			s.gray[x] = 0.299*float32(p[0]) + 0.587*float32(p[1]) + 0.114*float32(p[2])
		}
		return
	}
	for x := range s.gray {
		sum := 0
		for _, v := range pixels[x*s.channels : (x+1)*s.channels] {
			sum += int(v)
		}
		s.gray[x] = float32(sum) / float32(s.channels)
	}
}

// spread adds row y to the cells that it lies in.
func (s *shrinker) spread(y int) {
	var line [grid]float32
	for x, v := range s.gray {
		s.share(x, func(cell int, share float32) { line[cell] += share * v })
	}
	s.share(y, func(cell int, share float32) {
		for i, v := range line {
			s.sums[cell*grid+i] += share * v
		}
	})
}

// share calls use with the cells of an axis that pixel i lies in, and the part of it that lies in each.
func (s *shrinker) share(i int, use func(cell int, share float32)) {
	from, to := i*grid, (i+1)*grid // in parts of a pixel, of which a cell has size
	for cell := from / s.size; cell*s.size < to; cell++ {
		begin, end := max(from, cell*s.size), min(to, (cell+1)*s.size)
		use(cell, float32(end-begin)/grid)
	}
}
