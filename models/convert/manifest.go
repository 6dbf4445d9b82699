package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

const manifestSuffix = ".json"

// maxManifest bounds a manifest, which has a few kilobytes, or with the names of a program's weights some ten.
const maxManifest = 1 << 20

// Manifest stands beside an export, as JSON.
type Manifest struct {
	Format string `json:"format"`
	// Encoder says what the encoder is, and how images become its input.
	Encoder encoder.Manifest `json:"encoder"`
	// Tensors is the number of tensors that are the encoder's, or the checkpoint's.
	Tensors int `json:"tensors"`
	// Opset is ONNX's version of the operators; 0 in other formats.
	Opset int `json:"opset,omitempty"`
	// Inputs and Outputs are the program's, in order; none where the format is weights alone. Weights names the tensors
	// of the weights' file that a stablehlo program takes after its inputs.
	Inputs  []Value  `json:"inputs,omitempty"`
	Outputs []Value  `json:"outputs,omitempty"`
	Weights []string `json:"weights,omitempty"`
	Files   []File   `json:"files"`
	// Notes tell the user what the other software needs to be told, a line each.
	Notes []string `json:"notes,omitempty"`
}

// Value is an input or output of a program. A dimension of -1 is free.
type Value struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	// Meaning is for people.
	Meaning string `json:"meaning"`
}

// File is one file of the export, beside the manifest.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// colours names the channels of a network's images.
func colours(n encoder.Network) string {
	if n.Channels == 1 {
		return "gray"
	}
	return "RGB"
}

// Names of a program's values, and what they are.
const (
	programImages      = "images"
	programFeatures    = "features"
	programProjections = "projections"

	meaningFeatures    = "the trunk's pooled features"
	meaningProjections = "the head's output, rows of unit length"
)

// knownManifest is what [Export] wrote of an encoder's file: in the file itself, or beside it, if the file is still the one
// whose checksum stands there. It is nil for a file of other software.
func knownManifest(path string) (*encoder.Manifest, error) {
	w, err := encoder.Load(path)
	if err == nil {
		return &w.Manifest, nil
	}
	if !errors.Is(err, encoder.ErrNotEncoder) {
		return nil, err
	}
	text, err := regular.ReadFile(path+manifestSuffix, maxManifest)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, regular.ErrIrregular), errors.Is(err, regular.ErrTooLong):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var m Manifest
	if json.Unmarshal(text, &m) != nil || m.Encoder.Format != encoder.ManifestFormat || m.Encoder.Validate() != nil {
		return nil, nil // another program's file
	}
	for _, file := range m.Files {
		if same, err := file.is(path); same || err != nil {
			return &m.Encoder, err
		}
	}
	return nil, nil
}

// is tells whether the file at path has this one's content, whatever its name.
func (f File) is(path string) (bool, error) {
	in, err := regular.Open(path)
	if err != nil {
		return false, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil || info.Size() != f.Bytes {
		return false, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, io.LimitReader(in, f.Bytes)) // it may grow meanwhile
	return err == nil && hex.EncodeToString(sum.Sum(nil)) == f.SHA256, err
}

// takeKnown puts what is known of an encoder into the manifest of its import, but for what the options say.
func takeKnown(into *encoder.Manifest, known encoder.Manifest, o ImportOptions) {
	into.Source, into.Network.Precision, into.Input.Window = known.Source, known.Network.Precision, known.Input.Window
	if o.ImageSize == 0 {
		into.Input.ImageSize = known.Input.ImageSize
	}
	if o.Views == "" {
		into.Input.Mean, into.Input.Std = known.Input.Mean, known.Input.Std
	}
}
