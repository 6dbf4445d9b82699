package augment

import (
	"fmt"
	"math"
)

// View is the parameters of one view of one image, as drawn on the host.
type View struct {
	// Top, Left, Height and Width are the crop box, relative to the canvas: within [0, 1].
	Top, Left, Height, Width float64
	Flip                     bool
	// Brightness, Contrast and Saturation are factors (1 changes nothing), Hue a shift in turns (0 changes nothing).
	Brightness, Contrast, Saturation, Hue float64
	// Order holds the place of brightness, contrast, saturation and hue among the four: a permutation of 0..3.
	Order [4]int
	// Gray replaces the channels by the luma.
	Gray bool
	// Sigma is the blur's standard deviation in pixels of the view; 0 is no blur.
	Sigma float64
	// Mix is the matrix from input channels (columns) to output channels (rows).
	Mix [3][3]float64
}

// Columns of a row of parameters. The layout is the same for every configuration, so that a configuration can
// change an operation's strength without changing the step's input. An operation that is off has the values that change
// nothing.
const (
	colTop = iota
	colLeft
	colHeight
	colWidth
	colFlip
	colBrightness
	colContrast
	colSaturation
	colHue
	colOrder                // 4 columns
	colGray  = colOrder + 4 // 0 or 1
	colSigma = colGray + 1
	colMix   = colSigma + 1 // 9 columns, row by row
	numCols  = colMix + 9
)

// Neutral is the view that changes nothing: the whole image, resized.
func Neutral() View {
	return View{
		Height: 1, Width: 1,
		Brightness: 1, Contrast: 1, Saturation: 1,
		Order: [4]int{0, 1, 2, 3},
		Mix:   [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	}
}

// Central is the middle that photos are tested by: 224 of the 256 pixels of the short side, as torchvision's Resize(256) and
// CenterCrop(224) leave. The aspect is the original's width over its height, above 0.
func Central(aspect float64) View {
	const part = 224.0 / 256
	v := Neutral()
	v.Height, v.Width = part*min(1, aspect), part*min(1, 1/aspect)
	v.Top, v.Left = (1-v.Height)/2, (1-v.Width)/2
	return v
}

// NumParams is the length of the rows that Draw writes and Apply reads.
func (c Config) NumParams() int {
	return numCols
}

// Draw writes the parameters of one view of one image to dst[:c.NumParams()]: see View and View.Put.
func (c Config) Draw(dst []float32, seed uint64, epoch, index, view int, aspect float64) {
	v := c.View(seed, epoch, index, view, aspect)
	v.Put(dst)
}

// View draws the parameters of view number view of image number index in an epoch. It is a pure function of its
// arguments, safe for concurrent use; the numbers are stable (a test holds them) up to the rounding of the
// architecture's floating point.
//
// The aspect is the original image's width over its height: areas and ratios are measured there, though the box is
// relative to the (square) canvas. It is 1 for images that were square; View panics unless it is above 0.
func (c Config) View(seed uint64, epoch, index, view int, aspect float64) View {
	if !(aspect > 0) {
		panic(fmt.Sprintf("augment: aspect %v of image %d, want width over height, above 0", aspect, index))
	}
	streams := func(id streamID) stream { return newStream(seed, epoch, index, view, id) }
	v := Neutral()
	crop, flip, gray := streams(streamCrop), streams(streamFlip), streams(streamGray)
	v.Top, v.Left, v.Height, v.Width = c.box(&crop, aspect)
	v.Flip = flip.chance(c.Flip)

	if s := streams(streamJitter); s.chance(c.Jitter.P) {
		v.Order = s.permutation4()
		v.Brightness = s.factor(c.Jitter.Brightness)
		v.Contrast = s.factor(c.Jitter.Contrast)
		v.Saturation = s.factor(c.Jitter.Saturation)
		v.Hue = s.uniform(-c.Jitter.Hue, c.Jitter.Hue)
	}
	v.Gray = gray.chance(c.Gray)
	if s := streams(streamMix); s.chance(c.Mix.P) {
		for row := range v.Mix {
			v.Mix[row] = s.simplex3(s.uniform(c.Mix.Gain.Min, c.Mix.Gain.Max))
		}
	}
	if s := streams(streamBlur); s.chance(c.Blur.P) {
		v.Sigma = s.uniform(c.Blur.Sigma.Min, c.Blur.Sigma.Max)
	}
	return v
}

// box is torchvision's RandomResizedCrop.get_params without its rounding to pixels: ten tries at an area and a
// ratio whose box fits, then the largest central box within the ratios. It works on an image of height 1.
func (c Config) box(s *stream, aspect float64) (top, left, height, width float64) {
	logMin, logMax := math.Log(c.Ratio.Min), math.Log(c.Ratio.Max)
	for range 10 {
		area := aspect * s.uniform(c.Area.Min, c.Area.Max)
		ratio := math.Exp(s.uniform(logMin, logMax))
		w, h := math.Sqrt(area*ratio), math.Sqrt(area/ratio)
		if w <= aspect && h <= 1 {
			return s.uniform(0, 1-h), s.uniform(0, aspect-w) / aspect, h, w / aspect
		}
	}
	w, h := aspect, 1.0
	if aspect < c.Ratio.Min {
		h = w / c.Ratio.Min
	} else if aspect > c.Ratio.Max {
		w = h * c.Ratio.Max
	}
	return (1 - h) / 2, (aspect - w) / 2 / aspect, h, w / aspect
}

// Put writes the view as a row of parameters to dst[:numCols]; it panics when dst is shorter.
func (v View) Put(dst []float32) {
	if len(dst) < numCols {
		panic(fmt.Sprintf("augment: %d floats for a view's parameters, want %d (Config.NumParams)", len(dst), numCols))
	}
	flag := func(b bool) float32 {
		if b {
			return 1
		}
		return 0
	}
	dst[colTop], dst[colLeft] = float32(v.Top), float32(v.Left)
	dst[colHeight], dst[colWidth] = float32(v.Height), float32(v.Width)
	dst[colFlip] = flag(v.Flip)
	dst[colBrightness], dst[colContrast] = float32(v.Brightness), float32(v.Contrast)
	dst[colSaturation], dst[colHue] = float32(v.Saturation), float32(v.Hue)
	for i, place := range v.Order {
		dst[colOrder+i] = float32(place)
	}
	dst[colGray] = flag(v.Gray)
	dst[colSigma] = float32(v.Sigma)
	for row := range v.Mix {
		for col, weight := range v.Mix[row] {
			dst[colMix+3*row+col] = float32(weight)
		}
	}
}
