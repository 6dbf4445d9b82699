package packed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// The files of a packed set.
const (
	imagesFile = "images.npy"
	aspectFile = "aspect.npy"
	labelsFile = "labels.npy"
	metaFile   = "meta.json"
)

// maxMeta bounds meta.json and the journal: a million classes, or broken images, with their names.
const maxMeta = 256 << 20

// format changes when older programs must not read newer sets.
const format = 1

// Meta is meta.json: what is known of a packed set beside its arrays.
type Meta struct {
	Format int `json:"format"`
	// Count is N; Canvas is S, in pixels.
	Count  int `json:"count"`
	Canvas int `json:"canvas"`
	// Channels is 1 for gray; 0 is 3, RGB. Window is the range of 16-bit samples that became 0 to 255.
	Channels int            `json:"channels,omitempty"`
	Window   picture.Window `json:"window,omitzero"`
	// Source is the folder that was packed, as it was given, and Fingerprint that of its files (files.List.Fingerprint).
	Source      string `json:"source"`
	Fingerprint string `json:"fingerprint"`
	// Decoder is the library that decoded the JPEGs.
	Decoder string `json:"decoder"`
	// Files holds the size and checksum of each array's file, by its name.
	Files map[string]Sum `json:"files"`
	// Broken are the images that were left out.
	Broken []files.Broken `json:"broken"`
	// Classes names the classes; empty where the images have none.
	Classes []string `json:"classes"`
}

// String counts the images: "20 images of 2 classes, canvas 256".
func (m Meta) String() string {
	text := fmt.Sprintf("%d images of %d classes, %s", m.Count, len(m.Classes), m.canvas())
	if len(m.Classes) == 0 {
		text = fmt.Sprintf("%d images without classes, %s", m.Count, m.canvas())
	}
	if len(m.Broken) > 0 {
		text += fmt.Sprintf("; %d broken ones left out (named in meta.json)", len(m.Broken))
	}
	return text
}

// Depth is the number of channels.
func (m Meta) Depth() int { return picture.Canvas{Channels: m.Channels}.Depth() }

// canvas says what the images became: "canvas 256, 1 channel, window 120,3800".
func (m Meta) canvas() string {
	text := fmt.Sprintf("canvas %d", m.Canvas)
	if m.Channels == 1 {
		text += ", 1 channel"
	}
	if m.Window != (picture.Window{}) {
		text += ", window " + m.Window.String()
	}
	return text
}

// alike tells whether two sets are of the same files, made in the same way.
func (m Meta) alike(other Meta) bool {
	return m.Fingerprint == other.Fingerprint && m.Decoder == other.Decoder && m.canvas() == other.canvas()
}

// Sum is the size and the SHA-256, in hex, of a file.
type Sum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ReadMeta reads a packed set's meta.json, which is there once the set is whole.
func ReadMeta(dir string) (Meta, error) {
	name := filepath.Join(dir, metaFile)
	text, err := regular.ReadFile(name, maxMeta)
	if err != nil {
		return Meta{}, fmt.Errorf("packed: %w", err)
	}
	var m Meta
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return m, corrupt(name, "%v", err)
	}
	if m.Format != format {
		return m, corrupt(name, "format %d, want %d: pack it again", m.Format, format)
	}
	if m.Count < 1 || m.Canvas < 1 {
		return m, corrupt(name, "%d images of %d pixels a side, want some of either", m.Count, m.Canvas)
	}
	if m.Channels != 0 && m.Channels != 1 {
		return m, corrupt(name, "images of %d channels, want 1, or 0 for 3", m.Channels)
	}
	if err := m.Window.Validate(); err != nil {
		return m, corrupt(name, "%v", err)
	}
	return m, nil
}

// Is reports whether a folder holds a packed set.
func Is(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, metaFile))
	return err == nil
}
