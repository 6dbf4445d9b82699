package augment

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
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
	Min, Max float64
}

// Config says how views are drawn and made. It is plain data that survives JSON; the zero value is not valid:
// start from a Preset.
type Config struct {
	// Area is the crop's share of the image's area, within (0, 1]. MoCo: 0.2 to 1.
	Area Range
	// Ratio is the crop's width over its height before resizing, drawn uniformly in its logarithm.
	// torchvision: 3/4 to 4/3.
	Ratio Range
	// Flip is the probability of a horizontal flip.
	Flip float64
	// Ops lists the operations after the crop in the order they are applied, each at most once.
	Ops []string
	// Jitter, Gray (a probability), Mix and Blur describe the operations; those that Ops does not list are zero.
	Jitter Jitter
	Gray   float64
	Mix    Mix
	Blur   Blur
	// Mean and Std normalise each channel of the [0, 1] scale: (x - Mean) / Std.
	Mean, Std [3]float64
}

// Jitter is torchvision's ColorJitter, applied to an image with probability P.
type Jitter struct {
	P float64
	// Brightness, Contrast and Saturation are strengths s: the factor is uniform in [max(0, 1-s), 1+s].
	// A strength of zero leaves the operation out of the graph.
	Brightness, Contrast, Saturation float64
	// Hue is the largest shift in turns of the colour wheel, within [0, 0.5].
	Hue float64
}

// Mix replaces the channels by random mixtures, with probability P: every output channel is a convex combination
// of the input channels, uniform on the simplex, times a gain, clamped to [0, 1]. Grey stays nearly grey (the
// gains tint it), light stays lighter than dark, and any hue may become any other: colour stops identifying an
// image while shapes keep their contrast. It is not in the MoCo papers.
type Mix struct {
	P float64
	// Gain is the range of each channel's gain.
	Gain Range
}

// Blur is a Gaussian blur with reflected borders, applied with probability P.
type Blur struct {
	P float64
	// Sigma is the range of the standard deviation, in pixels of the view.
	Sigma Range
	// Kernel is the kernel's width as a share of the view's, made odd: 0.1 (SimCLR) gives 23 taps at 224 pixels
	// and 3 at 32.
	Kernel float64
}

// Validate lists everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("augment: "+format, args...))
		}
	}
	probability := func(name string, p float64) {
		check(p >= 0 && p <= 1, "%s %v, want a probability within [0, 1]", name, p)
	}
	strength := func(name string, s, most float64) {
		check(s >= 0 && s <= most, "%s %v, want within [0, %v]", name, s, most)
	}
	check(c.Area.Min > 0 && c.Area.Min <= c.Area.Max && c.Area.Max <= 1,
		"crop area %v, want 0 < min <= max <= 1", c.Area)
	check(positive(c.Ratio), "crop ratio %v, want 0 < min <= max", c.Ratio)
	probability("flip", c.Flip)
	for i, op := range c.Ops {
		check(slices.Contains(knownOps, op), "operation %q, want one of: %s", op, strings.Join(knownOps, ", "))
		check(!slices.Contains(c.Ops[:i], op), "operation %q is listed twice, want once", op)
	}

	probability("jitter", c.Jitter.P)
	strength("brightness", c.Jitter.Brightness, math.MaxFloat64)
	strength("contrast", c.Jitter.Contrast, math.MaxFloat64)
	strength("saturation", c.Jitter.Saturation, math.MaxFloat64)
	strength("hue", c.Jitter.Hue, 0.5)
	probability("gray", c.Gray)
	probability("mix", c.Mix.P)
	check(c.Mix.P == 0 || positive(c.Mix.Gain), "mix gain %v, want 0 < min <= max", c.Mix.Gain)
	probability("blur", c.Blur.P)
	check(c.Blur.P == 0 || positive(c.Blur.Sigma), "blur sigma %v, want 0 < min <= max", c.Blur.Sigma)
	check(c.Blur.P == 0 || c.Blur.Kernel > 0 && c.Blur.Kernel <= 1,
		"blur kernel %v, want a share within (0, 1]", c.Blur.Kernel)
	for _, op := range knownOps {
		p := map[string]float64{OpJitter: c.Jitter.P, OpGray: c.Gray, OpMix: c.Mix.P, OpBlur: c.Blur.P}[op]
		check(p == 0 || slices.Contains(c.Ops, op),
			"%s has probability %v but is not in the order of operations: list it, or set it to 0", op, p)
	}

	for i := range c.Std {
		check(isFinite(c.Mean[i]), "mean of channel %d is %v, want a number", i, c.Mean[i])
		check(c.Std[i] > 0 && isFinite(c.Std[i]), "standard deviation of channel %d is %v, want above 0", i, c.Std[i])
	}
	return errors.Join(errs...)
}

func positive(r Range) bool {
	return r.Min > 0 && r.Min <= r.Max && isFinite(r.Max)
}

func isFinite(x float64) bool {
	return !math.IsNaN(x) && !math.IsInf(x, 0)
}
