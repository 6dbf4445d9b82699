package data

import (
	"fmt"
	"math"
	"runtime"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/guard"
)

const (
	glyphsTrain = 12000
	glyphsTest  = 2000
	glyphsMost  = 1 << 20
)

// drawGlyphs draws the set glyphs: the characters 0-9A-Za-z, bright on dark clutter, uint8 [N, 32, 32, 3].
//
// Image i is a pure function of (split, i, o.Seed, o.Hard), so a larger set begins with the smaller one. The classes are balanced to within one image, in every run of 62 that starts at a multiple of 62 exactly. Train and test never share a drawing: an image's randomness is its own stretch of the seed's stream, test's stretches lie in the upper half, and no two positions of a stream hold the same word.
func drawGlyphs(split string, o Options) (*Set, error) {
	n, half := glyphsTrain, uint64(0)
	if split == "test" {
		n, half = glyphsTest, 1<<(63-streamBits)
	}
	if o.N != 0 {
		n = o.N
	}
	if n < 0 || n > glyphsMost {
		return nil, fmt.Errorf("data: glyphs: got Options.N %d, want 0 (the default) to %d", o.N, glyphsMost)
	}
	fonts, err := outlines()
	if err != nil {
		return nil, err
	}
	s := &Set{Name: "glyphs", N: n, Size: glyphSize, Channels: 3, Classes: strings.Split(characters, "")}
	s.Labels = glyphLabels(n, half, o.Seed)
	s.Pixels = make([]uint8, n*s.ImageLen())
	colours := easyPalette
	if o.Hard {
		colours = hardPalette
	}
	workers := runtime.GOMAXPROCS(0)
	var wg guard.Group
	for w := range workers {
		wg.Go(func() {
			p := painter{canvas: newCanvas(), fonts: fonts, palette: colours}
			for i := w; i < n; i += workers {
				p.stream = newStream(o.Seed, purposeGlyphs, half+uint64(i))
				p.draw(s.Image(i), int(s.Labels[i]))
			}
		})
	}
	wg.Wait()
	return s, nil
}

// glyphLabels deals the classes out in shuffled rounds, so that any first part of a set is balanced.
func glyphLabels(n int, half, seed uint64) []int32 {
	labels := make([]int32, 0, n)
	round := make([]int, len(characters))
	for start := 0; start < n; start += len(round) {
		for i := range round {
			round[i] = i
		}
		s := newStream(seed, purposeLabels, half+uint64(start))
		s.shuffle(round)
		for _, class := range round[:min(len(round), n-start)] {
			labels = append(labels, int32(class))
		}
	}
	return labels
}

// A palette bounds the levels of the colours that are drawn with, lowest and highest.
type palette struct{ ground, clutter, glyph [2]int }

var (
	easyPalette = palette{ground: [2]int{0, 70}, clutter: [2]int{10, 130}, glyph: [2]int{140, 255}}
	hardPalette = palette{ground: [2]int{0, 255}, clutter: [2]int{0, 255}, glyph: [2]int{0, 255}}
)

// How far a drawing strays. Lengths are in pixels, angles in radians, noise in levels.
const (
	emMean        = 24
	emDeviation   = 2
	stretch       = 0.08
	turn          = 8 * math.Pi / 180
	shearing      = 0.12
	shift         = 2.4
	slope         = 0.8 // of the ground, levels a pixel
	clutterFewest = 4
	clutterMost   = 8
	noiseLeast    = 4
	noiseMost     = 16
	leastContrast = 64 // of the glyph's and the ground's mean level
)

// A painter draws one image after the other; stream is the image's own.
type painter struct {
	stream
	canvas *canvas
	fonts  [][]outline
	palette
}

// draw draws a character of the class into dst.
func (p *painter) draw(dst []uint8, class int) {
	const middle = glyphSize / 2
	ground := p.pick(p.ground)
	p.canvas.gradient(ground, p.normal(slope), p.normal(slope))
	for range p.between(clutterFewest, clutterMost) {
		p.drawClutter()
	}
	paint := p.pick(p.glyph)
	for contrast(paint, ground) < leastContrast {
		paint = p.pick(p.glyph)
	}
	em := emMean + p.normal(emDeviation)
	wide, high := em+float32(em*p.normal(stretch)), em+float32(em*p.normal(stretch))
	to := place(p.normal(shearing), wide, high, p.normal(turn), middle+p.normal(shift), middle+p.normal(shift))
	font := p.fonts[p.below(len(p.fonts))]
	p.canvas.fill(font[class], to, paint, p.between(200, 255))
	p.canvas.store(dst, &p.stream, p.between(noiseLeast, noiseMost))
}

// drawClutter draws a bar, a triangle or a stray character, anywhere and at any angle.
func (p *painter) drawClutter() {
	paint, opacity := p.pick(p.clutter), p.between(100, 255)
	x, y, angle := p.uniform(0, glyphSize), p.uniform(0, glyphSize), p.uniform(0, 2*math.Pi)
	switch p.below(3) {
	case 0:
		p.canvas.fill(bar, place(0, p.uniform(8, 40), p.uniform(1, 4), angle, x, y), paint, opacity)
	case 1:
		p.canvas.fill(triangle, place(p.normal(0.5), p.uniform(4, 20), p.uniform(4, 20), angle, x, y), paint, opacity)
	default:
		font := p.fonts[p.below(len(p.fonts))]
		em := p.uniform(10, 30)
		p.canvas.fill(font[p.below(len(font))], place(0, em, em, angle, x, y), paint, opacity)
	}
}

// pick returns a colour within bounds.
func (p *painter) pick(bounds [2]int) colour {
	return colour{p.between(bounds[0], bounds[1]), p.between(bounds[0], bounds[1]), p.between(bounds[0], bounds[1])}
}

// contrast returns the distance of two colours' mean levels.
func contrast(a, b colour) int {
	d := (a[0] + a[1] + a[2] - b[0] - b[1] - b[2]) / 3
	return max(d, -d)
}

// The shapes of the clutter, of height and width 1 about the origin.
var (
	bar      = polygon(point{-0.5, -0.5}, point{0.5, -0.5}, point{0.5, 0.5}, point{-0.5, 0.5})
	triangle = polygon(point{-0.5, -0.5}, point{0.5, -0.5}, point{0, 0.5})
)

func polygon(corners ...point) outline {
	shape := outline{{move: true, points: corners[:1]}}
	for i := 1; i < len(corners); i++ {
		shape = append(shape, segment{points: corners[i : i+1]})
	}
	return shape
}
