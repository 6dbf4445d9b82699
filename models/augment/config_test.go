package augment

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// TestPresets: every preset is valid and survives JSON; an unknown name lists the known ones.
func TestPresets(t *testing.T) {
	for _, name := range Presets() {
		c, err := Preset(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var back Config
		must.M(json.Unmarshal(must.M1(json.Marshal(c)), &back))
		if !reflect.DeepEqual(back, c) {
			t.Errorf("%s: JSON gives back %+v, want %+v", name, back, c)
		}
	}
	_, err := Preset("moco")
	if err == nil || !strings.Contains(err.Error(), `"moco"`) || !strings.Contains(err.Error(), "cifar, digits, glyphs, v1, v2") {
		t.Errorf("unknown preset: error %v, want the name and the known ones", err)
	}
}

// TestValidate: each fault is found and named, and all faults are listed at once.
func TestValidate(t *testing.T) {
	nan := math.NaN()
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"area zero":        {func(c *Config) { c.Area.Min = 0 }, "area is"},
		"area above one":   {func(c *Config) { c.Area.Max = 1.1 }, "area is"},
		"area swapped":     {func(c *Config) { c.Area = Range{0.9, 0.5} }, "area is"},
		"ratio negative":   {func(c *Config) { c.Ratio.Min = -1 }, "ratio is"},
		"ratio infinite":   {func(c *Config) { c.Ratio.Max = math.Inf(1) }, "ratio is"},
		"flip NaN":         {func(c *Config) { c.Flip = nan }, "flip"},
		"unknown op":       {func(c *Config) { c.Ops = append(c.Ops, "solarize") }, `"solarize"`},
		"op twice":         {func(c *Config) { c.Ops = append(c.Ops, OpGray) }, "twice"},
		"op not listed":    {func(c *Config) { c.Mix = Mix{P: 1, Gain: Range{1, 1}} }, "mix has probability 1"},
		"jitter p":         {func(c *Config) { c.Jitter.P = 2 }, "jitter"},
		"brightness":       {func(c *Config) { c.Jitter.Brightness = -0.1 }, "brightness"},
		"contrast":         {func(c *Config) { c.Jitter.Contrast = nan }, "contrast"},
		"saturation":       {func(c *Config) { c.Jitter.Saturation = math.Inf(1) }, "saturation"},
		"hue":              {func(c *Config) { c.Jitter.Hue = 0.51 }, "hue"},
		"gray":             {func(c *Config) { c.Gray = -0.1 }, "gray"},
		"mix p":            {func(c *Config) { c.Mix.P = -1 }, "mix.p is -1"},
		"mix gain":         {func(c *Config) { c.Mix.P = 1 }, "mix.gain is"},
		"blur p":           {func(c *Config) { c.Blur.P = 1.5 }, "blur.p is 1.5"},
		"blur sigma":       {func(c *Config) { c.Blur.Sigma.Min = 0 }, "blur.sigma is"},
		"blur kernel":      {func(c *Config) { c.Blur.Kernel = 0 }, "blur.kernel is"},
		"mean NaN":         {func(c *Config) { c.Mean[1] = nan }, "mean of channel 1"},
		"zero deviation":   {func(c *Config) { c.Std[2] = 0 }, "std of channel 2"},
		"infinite, though": {func(c *Config) { c.Std[0] = math.Inf(1) }, "std of channel 0"},
	} {
		c := must.M1(Preset("v2"))
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.want)
		}
	}
	lines := strings.Split(Config{Flip: 2, Gray: 3}.Validate().Error(), "\n")
	if want := 8; len(lines) != want { // area, ratio, flip, gray, gray unlisted, three deviations
		t.Errorf("got %d faults, want %d:\n%s", len(lines), want, strings.Join(lines, "\n"))
	}
}
