package augment

import (
	"fmt"
	"math"
	"slices"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Operations that Config.Ops can list. The crop (with the flip) always comes first and the normalisation last.
const (
	OpJitter = "jitter" // brightness, contrast, saturation and hue in random order
	OpGray   = "gray"   // all channels become the luma
	OpMix    = "mix"    // channels become random mixtures of the channels
	OpBlur   = "blur"   // Gaussian blur
)

var knownOps = []string{OpJitter, OpGray, OpMix, OpBlur}

// Range is a closed interval.
type Range struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// Config says how views are drawn and made. It is plain data that survives JSON; the zero value is not valid:
// start from a Preset, or a file of [Read].
type Config struct {
	// Area is the crop's share of the image's area, within (0, 1]. MoCo: 0.2 to 1.
	Area Range `json:"area"`
	// Ratio is the crop's width over its height before resizing, drawn uniformly in its logarithm.
	// torchvision: 3/4 to 4/3.
	Ratio Range `json:"ratio"`
	// Flip is the probability of a horizontal flip.
	Flip float64 `json:"flip"`
	// Ops lists the operations after the crop in the order they are applied, each at most once.
	Ops []string `json:"ops"`
	// Jitter, Gray (a probability), Mix and Blur describe the operations; those that Ops does not list are zero.
	Jitter Jitter  `json:"jitter"`
	Gray   float64 `json:"gray"`
	Mix    Mix     `json:"mix"`
	Blur   Blur    `json:"blur"`
	// Channels of the views: 3, or 1 for gray; 0 is 3. One channel has no colour to change: see [Config.SetChannels].
	Channels int `json:"channels,omitempty"`
	// Mean and Std normalise each channel of the [0, 1] scale: (x - Mean) / Std.
	Mean [3]float64 `json:"mean"`
	Std  [3]float64 `json:"std"`
}

// Jitter is torchvision's ColorJitter, applied to an image with probability P.
type Jitter struct {
	P float64 `json:"p"`
	// Brightness, Contrast and Saturation are strengths s: the factor is uniform in [max(0, 1-s), 1+s].
	// A strength of zero leaves the operation out of the graph.
	Brightness float64 `json:"brightness"`
	Contrast   float64 `json:"contrast"`
	Saturation float64 `json:"saturation"`
	// Hue is the largest shift in turns of the colour wheel, within [0, 0.5].
	Hue float64 `json:"hue"`
}

// Mix replaces the channels by random mixtures, with probability P: every output channel is a convex combination
// of the input channels, uniform on the simplex, times a gain, clamped to [0, 1]. Grey stays nearly grey (the
// gains tint it), light stays lighter than dark, and any hue may become any other: colour stops identifying an
// image while shapes keep their contrast. It is not in the MoCo papers.
type Mix struct {
	P float64 `json:"p"`
	// Gain is the range of each channel's gain.
	Gain Range `json:"gain"`
}

// Blur is a Gaussian blur with reflected borders, applied with probability P.
type Blur struct {
	P float64 `json:"p"`
	// Sigma is the range of the standard deviation, in pixels of the view.
	Sigma Range `json:"sigma"`
	// Kernel is the kernel's width as a share of the view's, made odd: 0.1 (SimCLR) gives 23 taps at 224 pixels
	// and 3 at 32.
	Kernel float64 `json:"kernel"`
}

// Validate lists everything that is wrong with the configuration, as a [settings.Error].
func (c Config) Validate() error {
	var p settings.Check
	probability := func(field string, x float64) {
		p.That(x >= 0 && x <= 1, field, "is %v, want a probability within [0, 1]", x)
	}
	strength := func(field string, x, most float64) {
		p.That(x >= 0 && x <= most, field, "is %v, want within [0, %v]", x, most)
	}
	p.That(c.Area.Min > 0 && c.Area.Min <= c.Area.Max && c.Area.Max <= 1,
		"area", "is %v, want 0 < min <= max <= 1", c.Area)
	p.That(positive(c.Ratio), "ratio", "is %v, want 0 < min <= max", c.Ratio)
	probability("flip", c.Flip)
	for i, op := range c.Ops {
		p.OneOf("ops", op, knownOps...)
		p.That(!slices.Contains(c.Ops[:i], op), "ops", "lists %q twice, want it once", op)
	}

	probability("jitter.p", c.Jitter.P)
	strength("jitter.brightness", c.Jitter.Brightness, maxStrength)
	strength("jitter.contrast", c.Jitter.Contrast, maxStrength)
	strength("jitter.saturation", c.Jitter.Saturation, maxStrength)
	strength("jitter.hue", c.Jitter.Hue, 0.5)
	probability("gray", c.Gray)
	probability("mix.p", c.Mix.P)
	p.That(c.Mix.P == 0 || positive(c.Mix.Gain), "mix.gain", "is %v, want 0 < min <= max", c.Mix.Gain)
	probability("blur.p", c.Blur.P)
	p.That(c.Blur.P == 0 || positive(c.Blur.Sigma), "blur.sigma", "is %v, want 0 < min <= max", c.Blur.Sigma)
	p.That(c.Blur.P == 0 || c.Blur.Kernel > 0 && c.Blur.Kernel <= 1,
		"blur.kernel", "is %v, want a share within (0, 1]", c.Blur.Kernel)
	for _, op := range knownOps {
		x := map[string]float64{OpJitter: c.Jitter.P, OpGray: c.Gray, OpMix: c.Mix.P, OpBlur: c.Blur.P}[op]
		p.That(x == 0 || slices.Contains(c.Ops, op),
			op, "has probability %v but is not in {ops}: list it, or set it to 0", x)
	}

	p.That(c.Channels == 0 || c.Channels == 1 || c.Channels == 3, "channels", "is %d, want 1 (gray) or 3", c.Channels)
	if c.Channels == 1 {
		p.That(c.Jitter.Saturation == 0 && c.Jitter.Hue == 0 && c.Gray == 0 && c.Mix.P == 0, "channels", "is 1, which has no saturation, hue, gray or mix: want these 0")
		p.That(c.Mean == equal(c.Mean[0]) && c.Std == equal(c.Std[0]), "channels", "is 1, with three means and deviations that differ, want equal ones")
	}
	for i := range c.Std {
		p.That(isFinite(c.Mean[i]), "mean", "of channel %d is %v, want a number", i, c.Mean[i])
		p.That(c.Std[i] > 0 && isFinite(c.Std[i]), "std", "of channel %d is %v, want above 0", i, c.Std[i])
	}
	return p.Err()
}

// SetChannels makes the views of n channels, 3 or 1. One channel has no colour: saturation, hue, gray and mix are taken out,
// and mean and deviation become one, weighed as the luma weighs colours.
func (c *Config) SetChannels(n int) {
	c.Channels = n
	if n == 3 {
		c.Channels = 0
	}
	if n != 1 {
		return
	}
	c.SetJitter(c.Jitter.Brightness, c.Jitter.Contrast, 0, 0)
	c.SetGray(0)
	c.Mix = Mix{}
	c.list(OpMix, false)
	c.Mean, c.Std = weighed(c.Mean), weighed(c.Std)
}

// lumaWeights are those of ITU-R BT.601, as Pillow has them.
var lumaWeights = [3]float64{0.299, 0.587, 0.114}

func weighed(x [3]float64) [3]float64 {
	if x == equal(x[0]) {
		return x
	}
	sum := 0.0
	for i, w := range lumaWeights {
		sum += w * x[i]
	}
	return equal(math.Round(sum*1e6) / 1e6)
}

func equal(x float64) [3]float64 { return [3]float64{x, x, x} }

// depth is the number of channels of a view.
func (c Config) depth() int {
	if c.Channels == 1 {
		return 1
	}
	return 3
}

// maxStrength bounds the strengths of the colour operations: torchvision's papers use up to 0.8, and a factor of more
// than a few makes every pixel black or white.
const maxStrength = 10

// String is the interval as messages show it.
func (r Range) String() string { return fmt.Sprintf("%v to %v", r.Min, r.Max) }

func positive(r Range) bool {
	return r.Min > 0 && r.Min <= r.Max && isFinite(r.Max)
}

func isFinite(x float64) bool {
	return !math.IsNaN(x) && !math.IsInf(x, 0)
}
