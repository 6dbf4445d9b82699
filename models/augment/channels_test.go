package augment

import (
	"math"
	"testing"

	"github.com/janpfeifer/must"
)

// One channel has no colour operation, and one mean, which the luma of the three is; what has neither stays as it is.
func TestSetChannels(t *testing.T) {
	for _, name := range Presets() {
		c := must.M1(Preset(name))
		before := c
		c.SetChannels(1)
		if err := c.Validate(); err != nil || c.Channels != 1 {
			t.Errorf("%s: %d channels, error %v", name, c.Channels, err)
		}
		if c.Jitter.Brightness != before.Jitter.Brightness || c.Jitter.P != before.Jitter.P || c.Blur != before.Blur || c.Area != before.Area {
			t.Errorf("%s: %+v, want only the colours gone of %+v", name, c, before)
		}
		again := c
		if again.SetChannels(1); again.Mean != c.Mean || again.Std != c.Std || len(again.Ops) != len(c.Ops) {
			t.Errorf("%s: %+v, set again %+v", name, c, again)
		}
		coloured := before
		coloured.Channels = 1
		if usable := name == "digits"; (coloured.Validate() == nil) != usable {
			t.Errorf("%s: with its colours error %v", name, coloured.Validate())
		}
	}
	c := must.M1(Preset("v2"))
	c.SetChannels(1)
	if c.Mean != equal(0.458971) || c.Std != equal(0.225609) { // ImageNet's, weighed by 0.299, 0.587, 0.114
		t.Errorf("mean %v and deviation %v", c.Mean, c.Std)
	}
}

// A view of one channel is each of the three that the same gray image, repeated, has in the same view; and of a colour image
// the luma of its view.
func TestOneChannel(t *testing.T) {
	const side, size = 12, 8
	c := Config{Area: Range{0.2, 1}, Ratio: torchvisionRatio, Flip: 0.5, Mean: equal(0.4), Std: equal(0.3)}
	c.SetJitter(0.4, 0.4, 0, 0)
	c.SetBlur(0.5)
	gray, repeated, colours := batch{side: side, channels: 1}, batch{side: side, channels: 3}, batch{side: side, channels: 3}
	for i := range 6 {
		pixels, three, coloured := make([]uint8, side*side), make([]uint8, 3*side*side), make([]uint8, 3*side*side)
		for p := range pixels {
			pixels[p] = uint8(128 + 90*math.Sin(float64(i+p%side)/2)*math.Cos(float64(p/side)))
			for ch := range 3 {
				three[3*p+ch] = pixels[p]
				coloured[3*p+ch] = uint8(128 + 90*math.Sin(float64(i+p%side)/2+float64(ch)))
			}
		}
		v := c.View(1, 0, i, 0, 1)
		gray.add(pixels, v)
		repeated.add(three, v)
		colours.add(coloured, v)
	}
	one := c
	one.SetChannels(1)
	compare := func(what string, got, three []float32, of func(r, g, b float64) float64, limit float64) {
		t.Helper()
		if 3*len(got) != len(three) {
			t.Fatalf("%s: %d values of one channel, %d of three", what, len(got), len(three))
		}
		for i, v := range got {
			if want := of(float64(three[3*i]), float64(three[3*i+1]), float64(three[3*i+2])); math.Abs(float64(v)-want) > limit {
				t.Fatalf("%s: value %d is %v, want %v", what, i, v, want)
			}
		}
	}
	// Three channels' contrast is about torchvision's luma, whose weights sum to 0.9999.
	compare("gray", gray.apply(t, one, size), repeated.apply(t, c, size), func(r, _, _ float64) float64 { return r }, 3e-4)
	luma := func(r, g, b float64) float64 { return 0.299*r + 0.587*g + 0.114*b }
	compare("colours", colours.plain(t, one, size), colours.plain(t, c, size), luma, 1e-5)
	compare("as large", colours.plain(t, one, side), colours.plain(t, c, side), luma, 1e-5)
}
