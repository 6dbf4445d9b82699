package augment

import (
	"fmt"
	"strings"
)

// Normalisation constants, of the [0, 1] scale.
var (
	imageNetMean = [3]float64{0.485, 0.456, 0.406}
	imageNetStd  = [3]float64{0.229, 0.224, 0.225}
	cifarMean    = [3]float64{0.4914, 0.4822, 0.4465}
	cifarStd     = [3]float64{0.2023, 0.1994, 0.2010}
	mnistMean    = [3]float64{0.1307, 0.1307, 0.1307}
	mnistStd     = [3]float64{0.3081, 0.3081, 0.3081}
	half         = [3]float64{0.5, 0.5, 0.5}
)

var torchvisionRatio = Range{3.0 / 4, 4.0 / 3}

// Presets lists the names that Preset knows.
func Presets() []string {
	return []string{"cifar", "digits", "glyphs", "v1", "v2"}
}

// Preset is the configuration of that name:
//
//   - v1: MoCo v1 (moco main_moco.py): crop, grayscale, jitter always, flip.
//   - v2: MoCo v2's aug+: crop, jitter with p 0.8, grayscale, blur with p 0.5, flip.
//   - cifar: the MoCo CIFAR notebook: crop of area 0.08 to 1, flip, jitter with p 0.8, grayscale.
//   - digits: MNIST and EMNIST, which have no colour and where a mirrored character is another one or none:
//     crops of area 0.4 to 1, brightness and contrast with p 0.8. Not from a paper.
//   - glyphs: this project's drawn characters: crops of area 0.4 to 1, channel mixing always, grayscale with
//     p 0.3, no flip. Not from a paper.
func Preset(name string) (Config, error) {
	c := Config{Area: Range{0.2, 1}, Ratio: torchvisionRatio, Mean: imageNetMean, Std: imageNetStd}
	switch name {
	case "v1":
		c.Ops = []string{OpGray, OpJitter}
		c.Jitter = Jitter{P: 1, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.4}
		c.Gray, c.Flip = 0.2, 0.5
	case "v2":
		c.Ops = []string{OpJitter, OpGray, OpBlur}
		c.Jitter = Jitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1}
		c.Gray, c.Flip = 0.2, 0.5
		c.Blur = mocoBlur
	case "cifar":
		c.Area = Range{0.08, 1}
		c.Ops = []string{OpJitter, OpGray}
		c.Jitter = Jitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1}
		c.Gray, c.Flip = 0.2, 0.5
		c.Mean, c.Std = cifarMean, cifarStd
	case "digits":
		c.Area = Range{0.4, 1}
		c.Ops = []string{OpJitter}
		c.Jitter = Jitter{P: 0.8, Brightness: 0.4, Contrast: 0.4}
		c.Mean, c.Std = mnistMean, mnistStd
	case "glyphs":
		c.Area = Range{0.4, 1}
		c.Ops = []string{OpMix, OpGray}
		c.Mix = Mix{P: 1, Gain: Range{0.6, 1.4}}
		c.Gray = 0.3
		c.Mean, c.Std = half, half
	default:
		return Config{}, fmt.Errorf("augment: preset %q, want one of: %s", name, strings.Join(Presets(), ", "))
	}
	return c, nil
}
