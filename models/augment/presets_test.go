package augment

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/janpfeifer/must"
)

// published is every strength of every preset, copied from its source and not from Preset.
var published = map[string]Config{
	// facebookresearch/moco, main_moco.py, without --aug-plus: RandomResizedCrop(224, scale=(0.2, 1)),
	// RandomGrayscale(0.2), ColorJitter(0.4, 0.4, 0.4, 0.4) on every image, RandomHorizontalFlip (p 0.5), ImageNet's
	// mean and standard deviation. The crop's ratio is torchvision's default, 3/4 to 4/3.
	"v1": {
		Area: Range{0.2, 1}, Ratio: Range{0.75, 4.0 / 3}, Flip: 0.5,
		Ops:    []string{"gray", "jitter"},
		Gray:   0.2,
		Jitter: Jitter{P: 1, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.4},
		Mean:   [3]float64{0.485, 0.456, 0.406}, Std: [3]float64{0.229, 0.224, 0.225},
	},
	// The same file with --aug-plus: RandomApply([ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8), RandomGrayscale(0.2),
	// RandomApply([GaussianBlur([0.1, 2])], p=0.5), in this order; crop, flip and normalisation as in v1. The kernel is
	// SimCLR's (arXiv:2002.05709, appendix A): a tenth of the image; the reference's blur has no bound.
	"v2": {
		Area: Range{0.2, 1}, Ratio: Range{0.75, 4.0 / 3}, Flip: 0.5,
		Ops:    []string{"jitter", "gray", "blur"},
		Gray:   0.2,
		Jitter: Jitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1},
		Blur:   Blur{P: 0.5, Sigma: Range{0.1, 2}, Kernel: 0.1},
		Mean:   [3]float64{0.485, 0.456, 0.406}, Std: [3]float64{0.229, 0.224, 0.225},
	},
	// The MoCo CIFAR-10 notebook (moco_cifar10_demo.ipynb): RandomResizedCrop(32) with torchvision's default scale,
	// (0.08, 1), flip, RandomApply([ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8), RandomGrayscale(0.2), no blur, CIFAR-10's
	// mean and standard deviation.
	"cifar": {
		Area: Range{0.08, 1}, Ratio: Range{0.75, 4.0 / 3}, Flip: 0.5,
		Ops:    []string{"jitter", "gray"},
		Gray:   0.2,
		Jitter: Jitter{P: 0.8, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1},
		Mean:   [3]float64{0.4914, 0.4822, 0.4465}, Std: [3]float64{0.2023, 0.1994, 0.2010},
	},
	// Ours. Without flip, saturation, hue and grayscale, which change a character's meaning or nothing; mean and
	// standard deviation are those of MNIST's pixels, as in pytorch/examples (mnist/main.py).
	"digits": {
		Area: Range{0.4, 1}, Ratio: Range{0.75, 4.0 / 3},
		Ops:    []string{"jitter"},
		Jitter: Jitter{P: 0.8, Brightness: 0.4, Contrast: 0.4},
		Mean:   [3]float64{0.1307, 0.1307, 0.1307}, Std: [3]float64{0.3081, 0.3081, 0.3081},
	},
	// Ours, with the recipe that README's numbers were trained with: crops of area 0.4 to 1, colours always mixed,
	// grayscale with p 0.3, no flip.
	"glyphs": {
		Area: Range{0.4, 1}, Ratio: Range{0.75, 4.0 / 3},
		Ops:  []string{"mix", "gray"},
		Mix:  Mix{P: 1, Gain: Range{0.6, 1.4}},
		Gray: 0.3,
		Mean: [3]float64{0.5, 0.5, 0.5}, Std: [3]float64{0.5, 0.5, 0.5},
	},
}

// TestPresetsAreThePublished compares each preset with its source, field by field.
func TestPresetsAreThePublished(t *testing.T) {
	if got, want := Presets(), slices.Sorted(maps.Keys(published)); !slices.Equal(got, want) {
		t.Errorf("presets %v, the table has %v", got, want)
	}
	for name, want := range published {
		if got := must.M1(Preset(name)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
}
