package augment

import "slices"

// jitterP is the probability of a jitter that was not there: MoCo v2's.
const jitterP = 0.8

// mocoBlur is MoCo v2's.
var mocoBlur = Blur{P: 0.5, Sigma: Range{0.1, 2}, Kernel: 0.1}

// SetJitter gives the colour jitter its strengths; four zeros take it out. Jitter that was not there is applied with
// MoCo v2's probability of 0.8.
func (c *Config) SetJitter(brightness, contrast, saturation, hue float64) {
	p := c.Jitter.P
	if p == 0 {
		p = jitterP
	}
	c.Jitter = Jitter{}
	if brightness != 0 || contrast != 0 || saturation != 0 || hue != 0 {
		c.Jitter = Jitter{P: p, Brightness: brightness, Contrast: contrast, Saturation: saturation, Hue: hue}
	}
	c.list(OpJitter, c.Jitter.P != 0)
}

// SetGray gives grayscale its probability; 0 takes it out.
func (c *Config) SetGray(p float64) {
	c.Gray = p
	c.list(OpGray, p != 0)
}

// SetBlur gives the blur its probability; 0 takes it out. A blur that was not there is MoCo v2's: sigma 0.1 to 2 pixels,
// a kernel of a tenth of the view.
func (c *Config) SetBlur(p float64) {
	if c.Blur.P == 0 {
		c.Blur = mocoBlur
	}
	c.Blur.P = p
	if p == 0 {
		c.Blur = Blur{}
	}
	c.list(OpBlur, p != 0)
}

// list puts op among the operations, before those that MoCo v2 applies after it, or takes it out.
func (c *Config) list(op string, on bool) {
	at := slices.Index(c.Ops, op)
	switch {
	case on == (at >= 0):
	case on:
		after := knownOps[slices.Index(knownOps, op)+1:]
		at = slices.IndexFunc(c.Ops, func(other string) bool { return slices.Contains(after, other) })
		if at < 0 {
			at = len(c.Ops)
		}
		c.Ops = slices.Insert(slices.Clone(c.Ops), at, op)
	default:
		c.Ops = slices.Delete(slices.Clone(c.Ops), at, at+1)
	}
}
