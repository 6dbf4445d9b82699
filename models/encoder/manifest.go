package encoder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// ManifestFormat changes when older programs must not read newer files.
const ManifestFormat = "mocotpu-encoder-1"

// Manifest says what an encoder is and what it reads: all that its tensors do not say. It is plain data, in JSON.
type Manifest struct {
	// Format is [ManifestFormat]; [Manifest.Encode] fills it in.
	Format  string  `json:"format"`
	Network Network `json:"network"`
	Input   Input   `json:"input"`
	Source  Source  `json:"source"`
}

// Network is the architecture, in package resnet's words.
type Network struct {
	Arch string `json:"arch"`
	// Width is the number of channels after the stem; torchvision's is 64.
	Width int `json:"width"`
	// Channels of the images: 1 for gray; 0 is 3.
	Channels int    `json:"channels,omitempty"`
	Stem     string `json:"stem"`
	Head     string `json:"head"`
	// Features is the length of the trunk's features; Projection that of the head's output, 0 without a head.
	Features   int `json:"features"`
	Projection int `json:"projection"`
	// Precision of the arithmetic it was trained with: float32 or bfloat16.
	Precision string `json:"precision"`
}

// Input says how images become what the network reads: a square RGB image of ImageSize pixels, or gray where the network
// has one channel, on the scale of 0 to 1, from which each channel's Mean is subtracted before it is divided by Std.
type Input struct {
	ImageSize int `json:"image_size"`
	// A network of one channel has the first of both; the others are those of colours that it does not see.
	Mean [3]float64 `json:"mean"`
	Std  [3]float64 `json:"std"`
	// Window is the range of 16-bit samples that becomes 0 to 255 before all of that.
	Window picture.Window `json:"window,omitzero"`
	// Resize tells a reader of the file how images of another size were brought to ImageSize.
	Resize string `json:"resize"`
}

// resizeRule is augment.Plain in words.
const resizeRule = "antialiased bilinear, the whole square image; 28 pixels are padded to 32; a network of three channels reads gray thrice, one of one channel the luma of colours"

// Source is where the weights came from.
type Source struct {
	// Preset, Data, Step and Epoch describe the run; Step is the number of steps done.
	Preset string `json:"preset,omitempty"`
	Data   string `json:"data,omitempty"`
	Step   int    `json:"step,omitempty"`
	Epoch  int    `json:"epoch,omitempty"`
	// StepInEpoch is how many of the steps belong to an epoch that has not ended.
	StepInEpoch int `json:"step_in_epoch,omitempty"`
	// Imported is the name of the file that other software wrote.
	Imported string `json:"imported,omitempty"`
	// Versions of the program and the libraries, by name.
	Versions map[string]string `json:"versions,omitempty"`
}

// NewNetwork is the manifest's part for an encoder.
func NewNetwork(c resnet.Config) Network {
	if c.Precision == resnet.TF32 {
		c.Precision = resnet.Float32 // the same arithmetic, but for how an engine multiplies
	}
	return Network{
		Arch: c.Arch, Width: c.Width, Channels: c.Channels, Stem: c.Stem, Head: c.Head,
		Features: c.Features(), Projection: c.Dim, Precision: c.Precision,
	}
}

// NewInput is the manifest's part for images of size pixels, normalised by mean and std.
func NewInput(size int, mean, std [3]float64) Input {
	return Input{ImageSize: size, Mean: mean, Std: std, Resize: resizeRule}
}

// Config is the network in the words of package resnet.
func (n Network) Config() resnet.Config {
	return resnet.Config{
		Arch: n.Arch, Width: n.Width, Channels: n.Channels, Stem: n.Stem, Head: n.Head, Dim: n.Projection,
		Precision: n.Precision, Remat: resnet.RematNone,
	}
}

// Views is the normalisation in the words of package augment: a view that is the whole image.
func (m Manifest) Views() augment.Config {
	whole := augment.Range{Min: 1, Max: 1}
	return augment.Config{Area: whole, Ratio: whole, Channels: m.Network.Channels, Mean: m.Input.Mean, Std: m.Input.Std}
}

// Canvas is what image files become for the network.
func (m Manifest) Canvas() picture.Canvas {
	return picture.Canvas{Size: m.Input.ImageSize, Channels: m.Network.Channels, Window: m.Input.Window}
}

// Validate lists everything that is wrong with the manifest.
func (m Manifest) Validate() error {
	c := m.Network.Config()
	errs := []error{c.Validate()}
	if errs[0] == nil && m.Network.Features != c.Features() {
		errs = append(errs, fmt.Errorf("network.features is %d, want the %d of %s of width %d",
			m.Network.Features, c.Features(), c.Arch, c.Width))
	}
	if m.Input.ImageSize < 1 {
		errs = append(errs, fmt.Errorf("input.image_size is %d, want at least 1", m.Input.ImageSize))
	}
	return errors.Join(append(errs, m.Input.Window.Validate(), m.Views().Validate())...)
}

// Encode returns the manifest as indented JSON with one newline at the end.
func (m Manifest) Encode() ([]byte, error) {
	m.Format = ManifestFormat
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoder: manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// decodeManifest reads what [Manifest.Encode] wrote, refuses unknown fields and another format, and validates.
func decodeManifest(text []byte) (Manifest, error) {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if head.Format != ManifestFormat {
		return Manifest{}, fmt.Errorf("manifest: format %q, want %q: another version wrote it", head.Format, ManifestFormat)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var m Manifest
	if err := decoder.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if err := m.Validate(); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}
