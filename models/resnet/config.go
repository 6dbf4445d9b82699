package resnet

import (
	"maps"
	"slices"

	"github.com/gomlx/compute/dtypes"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Stems: what stands in front of the first stage.
const (
	// StemImageNet is torchvision's: 7x7 convolution of stride 2, BatchNorm, ReLU, 3x3 max-pool of stride 2.
	StemImageNet = "imagenet"
	// StemSmall is the MoCo CIFAR notebook's: 3x3 convolution of stride 1, BatchNorm, ReLU, no pooling.
	StemSmall = "small"
)

// Heads: what maps pooled features to projections.
const (
	// HeadLinear is MoCo v1's: one linear layer ("fc").
	HeadLinear = "linear"
	// HeadMLP is MoCo v2's: linear, ReLU, linear, no BatchNorm ("fc.0", "fc.2").
	HeadMLP = "mlp"
	// HeadNone is a trunk alone, as it comes from elsewhere: it has features and no projection.
	HeadNone = "none"
)

// Precisions of the trunk's computation. Parameters, statistics, the head, the loss and SGD are float32 in all three.
const (
	Float32 = "float32"
	// TF32 is float32 with the operands of convolutions rounded to 10 bits of mantissa. It is the same program as
	// Float32, which the cuda engine alone multiplies so.
	TF32 = "tf32"
	// BFloat16 is the type of convolutions and activations.
	BFloat16 = "bfloat16"
)

// Remat says what the backward pass recomputes instead of keeping.
const (
	RematNone  = "none"
	RematBlock = "block" // each residual block's inside is recomputed: less memory, about a third more compute
)

// The values of Config's fields that name something.
var (
	Stems      = []string{StemImageNet, StemSmall}
	Heads      = []string{HeadLinear, HeadMLP} // of encoders that are trained here
	Precisions = []string{Float32, TF32, BFloat16}
	Remats     = []string{RematNone, RematBlock}
)

// Config describes an encoder. The zero value is not valid: see Validate.
type Config struct {
	// Arch is one of [Archs].
	Arch string `json:"arch"`
	// Width is the channels of the first stage; 64 is torchvision's.
	Width int `json:"width"`
	// Channels of the images: 3, or 1 for gray; 0 is 3.
	Channels int `json:"channels,omitempty"`
	// Stem is StemImageNet or StemSmall.
	Stem string `json:"stem"`
	// Head is HeadLinear, HeadMLP or HeadNone.
	Head string `json:"head"`
	// Dim is the projection's dimension; 128 in both MoCo papers, 0 without a head.
	Dim int `json:"dim"`
	// Precision is one of [Precisions].
	Precision string `json:"precision"`
	// Remat is RematNone or RematBlock.
	Remat string `json:"remat"`
}

type arch struct {
	blocks     [4]int
	bottleneck bool
}

var archs = map[string]arch{
	"resnet10": {blocks: [4]int{1, 1, 1, 1}},
	"resnet18": {blocks: [4]int{2, 2, 2, 2}},
	"resnet34": {blocks: [4]int{3, 4, 6, 3}},
	"resnet50": {blocks: [4]int{3, 4, 6, 3}, bottleneck: true},
}

// Archs are the architectures by name: torchvision's ResNet-18, 34 and 50, and resnet10 (one basic block per stage) for
// small images.
var Archs = slices.Sorted(maps.Keys(archs))

// Validate lists everything that is wrong with the configuration, as a [settings.Error].
func (c Config) Validate() error {
	var p settings.Check
	p.OneOf("arch", c.Arch, Archs...)
	p.That(c.Width > 0, "width", "is %d, want above 0", c.Width)
	p.That(c.Channels == 0 || c.Channels == 1 || c.Channels == 3, "channels", "is %d, want 1 (gray) or 3", c.Channels)
	p.OneOf("stem", c.Stem, Stems...)
	if c.Head != HeadNone {
		p.OneOf("head", c.Head, Heads...)
		p.That(c.Dim > 0, "dim", "is %d, want above 0", c.Dim)
	} else {
		p.That(c.Dim == 0, "dim", "is %d without a head, want 0", c.Dim)
	}
	p.OneOf("precision", c.Precision, Precisions...)
	p.OneOf("remat", c.Remat, Remats...)
	return p.Err()
}

// ImageChannels is the number of channels of the images, 3 or 1.
func (c Config) ImageChannels() int {
	if c.Channels == 1 {
		return 1
	}
	return 3
}

// SmallestImage is the side in pixels at which the stem leaves one pixel before the last pooling.
func (c Config) SmallestImage() int {
	if c.Stem == StemImageNet {
		return 32
	}
	return 8
}

// Features is the dimension of the pooled features: 8 x Width for basic blocks, 32 x Width for bottlenecks.
func (c Config) Features() int {
	return c.Width * 8 * c.expansion()
}

func (c Config) expansion() int {
	if archs[c.Arch].bottleneck {
		return 4
	}
	return 1
}

func (c Config) dtype() dtypes.DType {
	if c.Precision == BFloat16 {
		return dtypes.BFloat16
	}
	return dtypes.Float32
}
