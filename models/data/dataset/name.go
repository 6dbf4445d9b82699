package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// DefaultCanvas is the side of the square that images are squeezed to where nobody says otherwise, in pixels.
const DefaultCanvas = 256

// Named is the data set of a name: one of [Kinds], emnist also with a split behind a slash, if not byclass.
func Named(name string) (Config, bool) {
	kind, split, slash := strings.Cut(name, "/")
	if kind == "emnist" && split == "" {
		split = "byclass"
	}
	return Config{Kind: kind, Split: split}, slices.Contains(Kinds, kind) && (kind == "emnist" || !slash)
}

// With is the data set that a user names instead of c by --data and --data-dir; either may be empty.
//
// If the name is one of [Named] and of c's kind, the other settings of c stay. If it is of another kind, only the seed and
// the pixel settings stay. Any other name is a folder: of the files of c's kind if they are there, else of images, which
// makes the kind folder. Dir is the folder with the files of the kind named. A packed set gives its own canvas, channels and
// window; images that are not packed have c's, or 256 pixels.
//
// A folder that is not there is an [settings.ErrInvalid] where c's kind has no files.
func (c Config) With(name, dir string) (Config, error) {
	if name == "" && dir == "" {
		return c, nil
	}
	named, ok := Named(name)
	switch {
	case name == "":
		c.Dir = dir
	case ok:
		if named.Kind != c.Kind || named.Split != c.Split {
			named.Seed, named.Channels = c.Seed, c.Channels
			if named.Kind == "folder" {
				named.Window = c.Window
			}
			c = named
		}
		if dir != "" {
			c.Dir = dir
		}
	case dir != "":
		return c, fmt.Errorf("dataset: %w: --data=%s beside --data-dir=%s, want one folder, or one of %s for --data",
			settings.ErrInvalid, name, dir, strings.Join(Kinds, ", "))
	default:
		var err error
		if c, err = c.inFolder(name); err != nil {
			return c, err
		}
	}
	err := c.setCanvas()
	return c, err
}

// inFolder is c with its files in another folder, or the images there.
func (c Config) inFolder(dir string) (Config, error) {
	_, err := os.Stat(dir)
	there := err == nil
	switch {
	case c.Kind == "folder":
	case !there && (c.Kind == "" || c.Kind == "glyphs"):
		return c, fmt.Errorf("dataset: %w: --data=%s is neither a data set (%s) nor a folder that is there",
			settings.ErrInvalid, dir, strings.Join(Kinds, ", "))
	case !there || c.holds(dir):
	default:
		c = Config{Kind: "folder", Seed: c.Seed, Channels: c.Channels, Window: c.Window}
	}
	c.Dir = dir
	return c, nil
}

// holds tells whether the published files of c's kind are in a folder.
func (c Config) holds(dir string) bool {
	if c.Kind == "" || c.Kind == "glyphs" {
		return false
	}
	_, err := data.Open(c.Name(), dir, "test", data.Options{})
	return !errors.Is(err, data.ErrMissing)
}

// setCanvas takes the canvas of a packed set with all that belongs to it, or the default.
func (c *Config) setCanvas() error {
	if c.Kind != "folder" {
		return nil
	}
	for _, dir := range []string{c.Dir, filepath.Join(c.Dir, "train")} {
		if c.Dir != "" && packed.Is(dir) {
			meta, err := packed.ReadMeta(dir)
			c.Canvas, c.Channels, c.Window = meta.Canvas, meta.Channels, meta.Window.String()
			return err
		}
	}
	if c.Canvas == 0 {
		c.Canvas = DefaultCanvas
	}
	return nil
}
