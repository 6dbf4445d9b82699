package augment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// maxFile bounds a file of views, which has less than a kilobyte.
const maxFile = 1 << 16

// Read returns base with the fields that a JSON file gives: an object with those of [Config], "ops" and "blur.sigma" for
// example. An unknown field is an error. It does not validate the values.
func Read(name string, base Config) (Config, error) {
	text, err := regular.ReadFile(name, maxFile)
	if err != nil {
		return Config{}, fmt.Errorf("augment: views: %w", err)
	}
	c := base
	c.Ops = slices.Clone(base.Ops) // the decoder writes into the slice that it finds
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("augment: views: %s: %w", name, err)
	}
	return c, nil
}

// SetJitter gives the colour jitter its strengths; four zeros take it out. Jitter that was not there is applied with
// MoCo v2's probability of 0.8.
func (c *Config) SetJitter(brightness, contrast, saturation, hue float64) {
	p := c.Jitter.P
	if p == 0 {
		p = 0.8
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
		c.Blur = Blur{Sigma: Range{0.1, 2}, Kernel: 0.1}
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
