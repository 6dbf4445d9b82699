package resnet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
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

// Precisions of the trunk's computation. Parameters, statistics and the head are float32 in both.
const (
	Float32  = "float32"
	BFloat16 = "bfloat16"
)

// Remat says what the backward pass recomputes instead of keeping.
const (
	RematNone  = "none"
	RematBlock = "block" // each residual block's inside is recomputed: less memory, about a third more compute
)

// Config describes an encoder. The zero value is not valid: see Validate.
type Config struct {
	// Arch is one of Archs().
	Arch string
	// Width is the channels of the first stage; 64 is torchvision's.
	Width int
	// Stem is StemImageNet or StemSmall.
	Stem string
	// Head is HeadLinear, HeadMLP or HeadNone.
	Head string
	// Dim is the projection's dimension; 128 in both MoCo papers, 0 without a head.
	Dim int
	// Precision is Float32 or BFloat16.
	Precision string
	// Remat is RematNone or RematBlock.
	Remat string
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

// Archs lists the architectures by name: torchvision's ResNet-18, 34 and 50, and resnet10 (one basic block
// per stage) for small images.
func Archs() []string {
	names := make([]string, 0, len(archs))
	for name := range archs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Validate lists everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	bad := func(field, got string, want ...string) {
		if !slices.Contains(want, got) {
			errs = append(errs, fmt.Errorf("resnet: %s %q, want one of: %s", field, got, strings.Join(want, ", ")))
		}
	}
	bad("arch", c.Arch, Archs()...)
	bad("stem", c.Stem, StemImageNet, StemSmall)
	bad("head", c.Head, HeadLinear, HeadMLP, HeadNone)
	bad("precision", c.Precision, Float32, BFloat16)
	bad("remat", c.Remat, RematNone, RematBlock)
	if c.Width < 1 {
		errs = append(errs, fmt.Errorf("resnet: width %d, want at least 1", c.Width))
	}
	switch {
	case c.Head == HeadNone && c.Dim != 0:
		errs = append(errs, fmt.Errorf("resnet: projection dimension %d without a head, want 0", c.Dim))
	case c.Head != HeadNone && c.Dim < 1:
		errs = append(errs, fmt.Errorf("resnet: projection dimension %d, want at least 1", c.Dim))
	}
	return errors.Join(errs...)
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
