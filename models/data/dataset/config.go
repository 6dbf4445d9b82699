// Package dataset opens a data set by its settings: one of the known sets, drawn glyphs, a packed set, or a folder of
// image files that are decoded on the way.
//
// # Errors
//
// Everything returns errors. Callers may act on [settings.ErrInvalid], data.ErrMissing and data.ErrCorrupt.
package dataset

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Config names the images.
type Config struct {
	// Kind is one of [Kinds].
	Kind string `json:"kind"`
	// Split is the split of emnist: one of splits. Empty for the other kinds.
	Split string `json:"split"`
	// Dir holds the files. Empty is the folder that `mocotpu data get` fills;
	// glyphs needs none. For kind folder it must be given: a set made by
	// `mocotpu data pack`, class folders (ImageNet's train/ and val/ as well),
	// a folder of images, or WebDataset shards.
	Dir string `json:"dir"`
	// Canvas is the side in pixels of the square that a folder's images are
	// squeezed to, and that a packed set was made with; the other kinds have 0.
	Canvas int `json:"canvas"`
	// Channels is how many the encoder reads: 3, or 1 for gray, where colour
	// images become their luma. 0 is 3, to which gray images are repeated. A
	// folder's images are decoded to so many.
	Channels int `json:"channels,omitempty"`
	// Window is the range of a folder's 16-bit samples that becomes 0 to 255:
	// LOW,HIGH, as [picture.Window] says, or two percentiles of the training
	// images' samples, such as 1%,99%, which [Config.Measured] makes numbers.
	// Empty is none, or what a packed set has.
	Window string `json:"window,omitempty"`
	// Unlabeled takes every image below a folder, or those of a packed set, without classes.
	Unlabeled bool `json:"unlabeled"`
	// Workers is how many of a folder's images are decoded at a time; 0 is one
	// for each CPU. Packed sets need none.
	Workers int `json:"workers"`
	// TrainImages and TestImages keep only the first so many images; 0 keeps
	// all. glyphs draws exactly so many, and 0 is its default size.
	TrainImages int `json:"train_images"`
	TestImages  int `json:"test_images"`
	// Seed draws the glyphs. The other kinds ignore it.
	Seed uint64 `json:"seed"`
}

// Kinds are the values of Config.Kind, and Splits those of Config.Split.
var (
	Kinds  = []string{"glyphs", "mnist", "emnist", "cifar10", "cifar100", "folder"}
	splits = []string{"byclass", "bymerge", "balanced", "letters", "digits", "mnist"}
)

// Validate lists what is wrong with the settings, as a [settings.Error]. It looks at no files.
func (c Config) Validate() error {
	var p settings.Check
	p.OneOf("kind", c.Kind, Kinds...)
	if c.Kind == "emnist" {
		p.OneOf("split", c.Split, splits...)
	} else {
		p.That(c.Split == "", "split", "is %q, want none for kind %s", c.Split, c.Kind)
	}
	if c.Kind == "folder" {
		p.That(c.Dir != "", "dir", "is empty, want the folder of images")
		p.That(c.Canvas > 0, "canvas", "is %d, want the side of the canvas in pixels: 256 suits views of 224", c.Canvas)
	} else {
		p.That(c.Canvas == 0, "canvas", "is %d, want 0: kind %s has images of one size", c.Canvas, c.Kind)
		p.That(c.Window == "", "window", "is %q, want none: kind %s has no 16-bit images", c.Window, c.Kind)
		p.That(!c.Unlabeled, "unlabeled", "is true, want false: kind %s has classes", c.Kind)
	}
	p.That(c.Channels == 0 || c.Channels == 1 || c.Channels == 3, "channels", "is %d, want 1 (gray) or 3", c.Channels)
	if _, _, err := c.percentiles(); err != nil && c.Kind == "folder" {
		p.That(false, "window", "is %q, want LOW,HIGH, samples of 0 to 65535 with LOW below HIGH, or two percentiles, such as 1%%,99%%", c.Window)
	}
	p.That(c.Workers >= 0, "workers", "is %d, want 0 (one for each CPU) or more", c.Workers)
	p.That(c.TrainImages >= 0, "train_images", "is %d, want 0 (all) or more", c.TrainImages)
	p.That(c.TestImages >= 0, "test_images", "is %d, want 0 (all) or more", c.TestImages)
	return p.Err()
}

// Name is what package data calls the set: the kind, with the split of emnist behind a slash.
func (c Config) Name() string {
	if c.Split != "" {
		return c.Kind + "/" + c.Split
	}
	return c.Kind
}

// Folder is where the files are looked for: Dir, or data/<kind> below the working directory, which `mocotpu data get`
// fills.
func (c Config) Folder() string {
	if c.Dir != "" {
		return c.Dir
	}
	return fmt.Sprintf("data/%s", c.Kind)
}

// Image is the side in pixels and the number of channels of the images, as they are stored.
func (c Config) Image() (side, channels int) {
	switch c.Kind {
	case "mnist", "emnist":
		return 28, 1
	case "folder":
		return c.Canvas, picture.Canvas{Channels: c.Channels}.Depth()
	}
	return 32, 3
}
