package run

import (
	"fmt"
	"math"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// AutoPreset is the preset that [Fit] makes for the images at hand.
const AutoPreset = "auto"

// Facts are what [Fit] looks at.
type Facts struct {
	// Images is the number of training images; at least 1.
	Images int `json:"images"`
	// Side of the images in pixels: as they are stored, or of image files the median of the shorter sides.
	Side int `json:"side"`
	// Crop is the smallest area of crops, as a share of the image, at which at most one crop in fifty shows next to nothing.
	Crop float64 `json:"crop"`
	// Sided says that the images differ from their mirror images in what they have in common, as characters do.
	Sided bool `json:"sided"`
	// Gray says that images whose channels may be chosen, those of files, have no colour.
	Gray bool `json:"gray"`
	// Window is the range of 16-bit samples that suits image files, as LOW,HIGH; "" where they have none, or a window is set.
	Window string `json:"window,omitempty"`
	// Batch is the global batch that was asked for; 0 has one chosen. Groups are the BatchNorm groups; 0 are the preset's.
	Batch  int `json:"batch"`
	Groups int `json:"groups,omitempty"`
}

// Choice is a setting, as a flag of `mocotpu train`, and why it is what it is.
type Choice struct {
	Flag  string `json:"flag"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Limits of what is chosen.
const (
	leastBatch, mostBatch = 32, 256
	leastSteps            = 64 // of an epoch
	mostKeys              = 65536
	// smallSide is the largest image for which ResNet's small stem is taken, as for CIFAR.
	smallSide = 64
)

// Fit is the configuration for a data set by what is known of its images, and the flags that make it of the preset that is
// the first of them. The result does not depend on the machine.
//
//   - encoder and views: those of the preset that is nearest
//   - crops: no smaller than Facts.Crop; no flip where the images are Sided
//   - channels and window: gray where the images are, and what 16-bit samples use of their range
//   - batch: the largest power of two up to 256 that leaves an epoch 64 steps, at least 32, or what there is of images
//   - queue: the largest power of two that is no more than a quarter of an epoch, at most 65 536, at least the batch
//   - key momentum: the mean over the last steps reaches back an epoch, at least 100 steps and at most 1000
//   - learning rate: the preset's, in proportion to the batch
//
// Fewer images than two for each BatchNorm group are a [settings.ErrInvalid], unless Facts.Batch asks for a batch.
func Fit(d dataset.Config, f Facts) (Config, []Choice, error) {
	var choices []Choice
	choose := func(flag string, value any, format string, args ...any) {
		choices = append(choices, Choice{flag, fmt.Sprint(value), fmt.Sprintf(format, args...)})
	}
	c, why := nearest(d, f)
	choose("preset", c.Preset, "%s", why)
	perImage, preset := c.Optim.LR/float64(c.MoCo.Batch), c
	c.Data, c.Preset = d, AutoPreset
	c.SetChannels(d.Channels)
	if d.Kind == "folder" {
		fitFolder(&c, f, choose)
	}
	a := &c.Views.Augment
	if f.Crop > a.Area.Min {
		a.Area.Min = f.Crop
		choose("crop", a.Text("crop"), "of smaller crops more than one in 50 shows next to nothing")
	}
	if f.Sided && a.Flip > 0 {
		a.Flip = 0
		choose("flip", 0, "the images are not like their mirror images")
	}
	if f.Groups > 0 {
		c.MoCo.Groups = f.Groups
	}
	if c.MoCo.Batch = f.Batch; f.Batch == 0 {
		if least := 2 * c.MoCo.Groups; f.Images < least {
			return c, nil, settings.Invalid(fmt.Errorf("%d training images, want at least %d, two for each of the %d BatchNorm groups of a batch: add images, or lower --bn-groups",
				f.Images, least, c.MoCo.Groups))
		}
		c.MoCo.Batch = batchFor(f.Images)
	}
	steps := f.Images / max(1, c.MoCo.Batch)
	choose("batch", c.MoCo.Batch, "steps of an epoch: %d", steps)
	c.MoCo.Queue = powerOfTwo(min(f.Images/4, mostKeys))
	if c.MoCo.Queue < c.MoCo.Batch {
		c.MoCo.Queue = c.MoCo.Batch
		choose("queue", c.MoCo.Queue, "the batch, which is more than a quarter of an epoch: few images")
	} else {
		choose("queue", c.MoCo.Queue, "%.0f %% of an epoch's %d keys: a query should not meet its own old key", 100*float64(c.MoCo.Queue)/float64(f.Images), f.Images)
	}
	c.MoCo.KeyMomentum = momentumFor(steps)
	choose("key-momentum", c.MoCo.KeyMomentum, "a mean over %.0f steps; of an epoch: %d", 1/(1-c.MoCo.KeyMomentum), steps)
	c.Optim.LR = math.Round(perImage*float64(c.MoCo.Batch)*1e6) / 1e6
	choose("lr", c.Optim.LR, "in proportion to the batch: the preset has %v for %d", preset.Optim.LR, preset.MoCo.Batch)
	return c, choices, nil
}

// batchFor is a batch of no more than n images.
func batchFor(n int) int {
	batch := mostBatch
	for batch > n || batch > leastBatch && n/batch < leastSteps {
		batch /= 2
	}
	return batch
}

// nearest is the preset to start from.
func nearest(d dataset.Config, f Facts) (Config, string) {
	switch {
	case d.Kind == "glyphs":
		return Glyphs(), "drawn characters"
	case d.Kind == "emnist":
		return EMNIST(), "written characters"
	case d.Kind == "mnist":
		return MNIST(), "written digits"
	case d.Kind != "folder" || f.Side <= smallSide:
		return CIFAR10(), fmt.Sprintf("images of %d pixels: the small stem, and views of few pixels", f.Side)
	}
	return MoCoV2(), fmt.Sprintf("images of %d pixels: the published recipe for photos", f.Side)
}

// fitFolder sets the sizes of views and canvases.
func fitFolder(c *Config, f Facts, choose func(flag string, value any, format string, args ...any)) {
	views := max(32, min(f.Side/32*32, 224))
	if views != c.Views.ImageSize {
		c.Views.ImageSize = views
		choose("image-size", views, "the shorter side of half of the images has %d pixels or fewer", f.Side)
	}
	if canvas := (views*8/7 + 7) / 8 * 8; c.Data.Canvas == dataset.DefaultCanvas && canvas != c.Data.Canvas {
		if dir, err := c.Data.Packed("train"); err == nil && dir == "" {
			c.Data.Canvas = canvas
			choose("canvas", canvas, "a seventh more than the views, as 256 for 224, up to a multiple of 8")
		}
	}
	if f.Gray && c.Data.Channels == 0 {
		c.SetChannels(1)
		choose("channels", 1, "the images are gray")
	}
	if f.Window != "" && c.Data.Window == "" {
		c.Data.Window = f.Window
		choose("window", f.Window, "16-bit samples: the part of 0 to 65535 that they use, by percentiles of up to 64 images")
	}
	if f.Side > smallSide && views <= 128 {
		c.Encoder.Arch = "resnet18"
		choose("arch", "resnet18", "few pixels")
	}
}

// momentumFor is the largest of the usual momenta that averages over no more than an epoch, and 0.99 where an epoch has fewer
// than 100 steps.
func momentumFor(steps int) float64 {
	for _, m := range []float64{0.999, 0.998, 0.995} {
		if 1/(1-m) <= float64(steps)+0.5 {
			return m
		}
	}
	return 0.99
}

// powerOfTwo is the largest that is no more than n, at least 1.
func powerOfTwo(n int) int {
	p := 1
	for 2*p <= n {
		p *= 2
	}
	return p
}

// Auto is the preset of [AutoPreset] for the drawn glyphs: what it is for other sets is made of them.
func Auto() Config {
	c, _, _ := Fit(Glyphs().Data, Facts{Images: Glyphs().Data.TrainImages, Side: 32, Sided: true})
	return c
}
