package picture

import (
	"math"
	"slices"
)

// Pillow's fixed point: weights have so many bits behind the point, and a sum of 8-bit pixels still fits 32 bits.
const (
	weightBits = 32 - 8 - 2
	oneHalf    = 1 << (weightBits - 1)
)

// resizer resizes images to squares: Pillow's resize with BILINEAR, antialiased, of 8-bit RGB or gray.
type resizer struct {
	channels     int // 3 or 1, of the rows and of the square
	across, down axis
	line         []uint8 // one row of the original
	rows         []uint8 // what is between the passes: all rows resized across, or one resized down
	sums         []int32
}

// axis is the weights of the pixels of an axis: taps of them for each pixel of the result, from first on.
type axis struct {
	from, size int // what it was made for
	taps       int
	first      []int
	count      []int
	weights    []int32 // [size, taps]

	// The same in fours, with zeros around them, so that apply needs no loop over single taps: four is the number for
	// photographs. wide is 0 where the axis is shorter than that.
	wide   int
	start  []int
	padded []int32 // [size, wide]
}

// prepare computes the weights where from or size are new.
func (a *axis) prepare(from, size int) {
	if a.from == from && a.size == size {
		return
	}
	scale := float64(from) / float64(size)
	support := max(scale, 1)
	a.from, a.size = from, size
	a.taps = int(math.Ceil(support))*2 + 1
	a.first, a.count = make([]int, size), make([]int, size)
	a.weights = make([]int32, size*a.taps)
	exact := make([]float64, a.taps)
	for i := range size {
		centre := (float64(i) + 0.5) * scale
		first := max(int(centre-support+0.5), 0)
		count := min(int(centre+support+0.5), from) - first
		sum := 0.0
		for k := range count {
			exact[k] = max(0, 1-math.Abs((float64(k+first)-centre+0.5)/support))
			sum += exact[k]
		}
		for k := range count {
			a.weights[i*a.taps+k] = int32(0.5 + exact[k]/sum*(1<<weightBits))
		}
		a.first[i], a.count[i] = first, count
	}
	a.pad()
}

func (a *axis) pad() {
	a.wide = (slices.Max(a.count) + 3) / 4 * 4
	if a.wide > a.from {
		a.wide = 0
		return
	}
	a.start, a.padded = make([]int, a.size), make([]int32, a.size*a.wide)
	for i, first := range a.first {
		a.start[i] = min(first, a.from-a.wide)
		copy(a.padded[i*a.wide+first-a.start[i]:], a.at(i))
	}
}

// at returns the weights of pixel i of the result.
func (a *axis) at(i int) []int32 { return a.weights[i*a.taps : i*a.taps+a.count[i]] }

// resize squeezes r into dst, uint8 [size, size, channels]. The order of the two passes shows in the rounding: like Pillow 13, it goes down first where that makes the image between them smaller, else across.
func (s *resizer) resize(dst []uint8, r raster, size int) {
	width, height := r.bounds()
	s.across.prepare(width, size)
	s.down.prepare(height, size)
	s.line = grown(s.line, s.channels*width)
	if height > width && height > size {
		s.downFirst(dst, r, width)
		return
	}
	long := s.channels * size
	s.rows = grown(s.rows, long*height)
	row := func(y int) []uint8 { return s.rows[long*y:][:long] }
	for y := range height {
		s.across.apply(row(y), r.row(y, s.line), s.channels)
	}
	if height == size {
		copy(dst, s.rows)
		return
	}
	for y := range size {
		s.column(dst[long*y:][:long], y, row)
	}
}

func (s *resizer) downFirst(dst []uint8, r raster, width int) {
	size := s.down.size
	long := s.channels * size
	s.rows = grown(s.rows, s.channels*width)
	row := func(y int) []uint8 { return r.row(y, s.line) }
	for y := range size {
		s.column(s.rows, y, row)
		s.across.apply(dst[long*y:][:long], s.rows, s.channels)
	}
}

// apply resizes one row, [from, channels] to [size, channels].
func (a *axis) apply(dst, src []uint8, channels int) {
	switch {
	case a.from == a.size:
		copy(dst, src)
	case channels == 1:
		a.applyGray(dst, src)
	case a.wide > 0:
		a.applyFours(dst, src)
	default:
		a.applyTaps(dst, src)
	}
}

func (a *axis) applyGray(dst, src []uint8) {
	for x := range a.size {
		weights := a.at(x)
		sum, pixels := int32(oneHalf), src[a.first[x]:][:len(weights)]
		for k, w := range weights {
			sum += w * int32(pixels[k])
		}
		dst[x] = narrow(sum)
	}
}

func (a *axis) applyTaps(dst, src []uint8) {
	for x := range a.size {
		weights := a.at(x)
		pixels := src[3*a.first[x]:]
		pixels = pixels[:3*len(weights)]
		red, green, blue := int32(oneHalf), int32(oneHalf), int32(oneHalf)
		for _, w := range weights {
			p := pixels[:3:3]
			red += w * int32(p[0])
			green += w * int32(p[1])
			blue += w * int32(p[2])
			pixels = pixels[3:]
		}
		out := dst[3*x : 3*x+3 : 3*x+3]
		out[0], out[1], out[2] = narrow(red), narrow(green), narrow(blue)
	}
}

func (a *axis) applyFours(dst, src []uint8) {
	for x := range a.size {
		red, green, blue := int32(oneHalf), int32(oneHalf), int32(oneHalf)
		for k := 0; k < a.wide; k += 4 {
			w := (*[4]int32)(a.padded[x*a.wide+k:])
			p := (*[12]uint8)(src[3*(a.start[x]+k):])
			red += w[0]*int32(p[0]) + w[1]*int32(p[3]) + w[2]*int32(p[6]) + w[3]*int32(p[9])
			green += w[0]*int32(p[1]) + w[1]*int32(p[4]) + w[2]*int32(p[7]) + w[3]*int32(p[10])
			blue += w[0]*int32(p[2]) + w[1]*int32(p[5]) + w[2]*int32(p[8]) + w[3]*int32(p[11])
		}
		out := (*[3]uint8)(dst[3*x:])
		out[0], out[1], out[2] = narrow(red), narrow(green), narrow(blue)
	}
}

// column makes row y of the result of an image's rows, each as long as dst.
func (s *resizer) column(dst []uint8, y int, row func(y int) []uint8) {
	if cap(s.sums) < len(dst) {
		s.sums = make([]int32, len(dst))
	}
	sums := s.sums[:len(dst)]
	weights, first := s.down.at(y), s.down.first[y]
	w := weights[0]
	for i, v := range row(first)[:len(sums)] {
		sums[i] = oneHalf + w*int32(v)
	}
	for k := 1; k < len(weights)-1; k++ {
		w := weights[k]
		for i, v := range row(first + k)[:len(sums)] {
			sums[i] += w * int32(v)
		}
	}
	if last := len(weights) - 1; last > 0 {
		w, dst := weights[last], dst[:len(sums)]
		for i, v := range row(first + last)[:len(sums)] {
			dst[i] = narrow(sums[i] + w*int32(v))
		}
		return
	}
	for i, v := range sums {
		dst[i] = narrow(v)
	}
}

// narrow takes a sum back to 8 bits. The weights are not negative and their sum is 1 up to rounding.
func narrow(sum int32) uint8 { return uint8(min(sum>>weightBits, 255)) }

// grown returns a slice of n bytes, b's memory where that suffices.
func grown(b []uint8, n int) []uint8 {
	if cap(b) < n {
		return make([]uint8, n)
	}
	return b[:n]
}
