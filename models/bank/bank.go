// Package bank keeps the features of image files beside their names, and finds the most similar of them.
//
//	bank.npy       float32 [images, dim], as NumPy reads it
//	bank.npy.json  [Manifest]: the name of each row's image, and the encoder
//
// # Errors
//
// Everything returns errors. Callers may act on [ErrOther] and [ErrNotBank], data.ErrCorrupt where no image can be read, and
// those of package encoder.
//
// # Determinism
//
// A bank is a pure function of the files, their order, the encoder and the library that decodes JPEGs; engines differ by
// rounding.
package bank

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

var (
	// ErrNotBank says that files are none that [Write] wrote.
	ErrNotBank = errors.New("not a bank of features")
	// ErrOther says that a bank's features are those of another encoder.
	ErrOther = errors.New("another encoder's features")
)

// Suffix is that of the manifest, behind the name of the features.
const Suffix = ".json"

const (
	// format changes when older programs must not read newer files.
	format = "mocotpu-bank-1"
	// maxManifest bounds a manifest, which has about fifty bytes an image.
	maxManifest = 512 << 20
)

// Manifest says what a bank's rows are.
type Manifest struct {
	// Format is filled in by [Write].
	Format string `json:"format"`
	// Encoder made the rows.
	Encoder Encoder `json:"encoder"`
	// Names are the images' paths, as they were given, in the order of the rows.
	Names []string `json:"names"`
	// Broken are the images that could not be read, and have no row.
	Broken []files.Broken `json:"broken"`
}

// Encoder tells whose features they are.
type Encoder struct {
	// Path is where the encoder was, from the bank's folder on, with slashes.
	Path string `json:"path"`
	// SHA256 is encoder.Weights.Checksum.
	SHA256 string `json:"sha256"`
	// Projection says that the rows are the head's, not the trunk's.
	Projection bool `json:"projection"`
}

// Options vary how images are embedded.
type Options struct {
	// Projection takes the head's projections in place of the trunk's features.
	Projection bool
	// Library decodes JPEGs. Default: picture.Best.
	Library picture.Library
	// Broken, where it is not nil, is called once for each image that cannot be read, from any goroutine.
	Broken func(files.Broken)
	// Progress, where it is not nil, follows the work.
	Progress encoder.Progress
}

// images is the list as the encoder reads it: each squeezed to the encoder's size, a broken one without a row. The broken
// ones are gathered in found.
func images(w *encoder.Weights, list *files.List, o Options, found *[]files.Broken) (*files.Stream, error) {
	var mu sync.Mutex
	return files.NewStream(list, files.StreamOptions{
		Canvas: w.Manifest.Canvas(), Library: o.Library, Blank: true,
		Report: func(b files.Broken) {
			mu.Lock()
			defer mu.Unlock()
			*found = append(*found, b)
			if o.Broken != nil {
				o.Broken(b)
			}
		},
	})
}

// Write embeds the images of a list by an encoder, whose weights w are, and writes the bank to path and its manifest beside
// it: whole, each, or not at all. Images that cannot be read have no row. It returns the manifest and the length of a row.
func Write(ctx context.Context, path string, e *encoder.Encoder, w *encoder.Weights, list *files.List, o Options) (Manifest, int, error) {
	m := Manifest{Format: format, Encoder: Encoder{Projection: o.Projection}, Broken: []files.Broken{}}
	var err error
	if m.Encoder.Path, err = placeOf(w.Path, path); err != nil {
		return m, 0, err
	}
	if m.Encoder.SHA256, err = w.Checksum(); err != nil {
		return m, 0, err
	}
	source, err := images(w, list, o, &m.Broken)
	if err != nil {
		return m, 0, err
	}
	disk := durable.Disk{}
	err = durable.ReplaceWith(disk, path+Suffix, func(manifest io.Writer) error {
		err := durable.ReplaceWith(disk, path, func(features io.Writer) error {
			if err := e.WriteNPY(ctx, source, o.Projection, features, nil, o.Progress); err != nil {
				return err
			}
			return disk.RemoveAll(path + Suffix) // an old manifest must not stand beside new features, whatever happens
		})
		if err != nil {
			return err
		}
		m.name(list)
		text := json.NewEncoder(manifest)
		text.SetIndent("", " ")
		return text.Encode(m)
	})
	dim := w.Manifest.Network.Features
	if o.Projection {
		dim = w.Manifest.Network.Projection
	}
	return m, dim, errors.Join(err, source.Close())
}

// name sets the names of the rows: those of the list that are not broken. It sorts the broken ones.
func (m *Manifest) name(list *files.List) {
	slices.SortFunc(m.Broken, func(a, b files.Broken) int { return strings.Compare(a.Name, b.Name) }) // they came in any order
	broken := map[string]bool{}
	for _, b := range m.Broken {
		broken[b.Name] = true
	}
	m.Names = make([]string, 0, list.Len())
	for i := range list.Len() {
		if name := list.Name(i); !broken[name] {
			m.Names = append(m.Names, name)
		}
	}
}

// placeOf is the encoder's path from the bank's folder on.
func placeOf(encoder, bank string) (string, error) {
	from, err := filepath.Abs(filepath.Dir(bank))
	if err != nil {
		return "", fmt.Errorf("bank: %w", err)
	}
	to, err := filepath.Abs(encoder)
	if err != nil {
		return "", fmt.Errorf("bank: %w", err)
	}
	relative, err := filepath.Rel(from, to)
	if err != nil {
		relative = to // on another drive
	}
	return filepath.ToSlash(relative), nil
}
