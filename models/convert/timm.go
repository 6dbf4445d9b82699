package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// The files of a model's folder, as timm and the Hugging Face Hub have them.
const (
	hubConfig  = "config.json"
	hubWeights = "model.safetensors"
	hubPickle  = "pytorch_model.bin" // of older models
	hubCard    = "README.md"
)

// maxHubConfig bounds a config.json, which has a few kilobytes, or with the names of many classes some hundred.
const maxHubConfig = 16 << 20

// timmConfig is config.json in timm's words.
type timmConfig struct {
	Architecture string         `json:"architecture"`
	NumClasses   int            `json:"num_classes"`
	NumFeatures  int            `json:"num_features"`
	GlobalPool   string         `json:"global_pool"`
	ModelArgs    map[string]any `json:"model_args,omitempty"`
	Pretrained   timmInput      `json:"pretrained_cfg"`
}

// timmInput is what timm knows of the weights: pretrained_cfg.
type timmInput struct {
	Tag            string    `json:"tag,omitempty"`
	CustomLoad     bool      `json:"custom_load"`
	InputSize      [3]int    `json:"input_size"` // channels, height, width
	FixedInputSize bool      `json:"fixed_input_size"`
	Interpolation  string    `json:"interpolation"`
	CropPct        float64   `json:"crop_pct"`
	CropMode       string    `json:"crop_mode"`
	Mean           []float64 `json:"mean"` // one for each channel
	Std            []float64 `json:"std"`
	NumClasses     int       `json:"num_classes"`
	FirstConv      string    `json:"first_conv"`
	Classifier     string    `json:"classifier"`
	License        string    `json:"license"`
}

// timmFormat is a folder as timm.create_model("local-dir:FOLDER") takes it, and the Hugging Face Hub: the trunk, what images
// must look like, and a model card. timm's ResNets have 64 channels after an ImageNet stem. Of the small stem the folder
// holds the weights, too, and its card has the two lines that make timm's network fit.
func timmFormat(s Source, o Options, m *Manifest) ([]artifact, error) {
	trunk := s.Encoder.Trunk()
	n, in := trunk.Manifest.Network, trunk.Manifest.Input
	if n.Width != 64 {
		return nil, fmt.Errorf("%w: its ResNets have 64 channels after the stem, this one has %d", ErrUnsupported, n.Width)
	}
	if o.License == "" {
		o.License = unknownLicense
	}
	if !license.MatchString(o.License) {
		return nil, fmt.Errorf("%w: license %q, want one by the Hub's name, such as apache-2.0, mit, cc-by-4.0 or other", ErrUnsupported, o.License)
	}
	if n.Stem != resnet.StemImageNet {
		m.Notes = append(m.Notes, "timm's "+n.Arch+" has another stem: see the lines in "+hubCard+" that make it fit")
	}
	m.Encoder = trunk.Manifest
	channels := n.Config().ImageChannels()
	config := timmConfig{
		ModelArgs:    map[string]any{},
		Architecture: n.Arch, NumFeatures: n.Features, GlobalPool: "avg",
		Pretrained: timmInput{
			Tag: "moco", InputSize: [3]int{channels, in.ImageSize, in.ImageSize}, Interpolation: "bilinear", CropPct: 1, CropMode: "squash",
			Mean: in.Mean[:channels], Std: in.Std[:channels], FirstConv: "conv1", Classifier: "fc", License: o.License,
		},
	}
	if trunk.Manifest.Source.Imported != "" {
		config.Pretrained.Tag = "" // how it was trained is not known
	}
	if n.Arch == "resnet10" { // which timm has by no name of its own
		config.Architecture, config.ModelArgs["layers"] = "resnet18", [4]int{1, 1, 1, 1}
	}
	if channels != 3 {
		config.ModelArgs["in_chans"] = channels
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, err
	}
	card, err := modelCard(s, trunk, o, config.Architecture)
	if err != nil {
		return nil, err
	}
	s.Encoder = trunk
	weights, err := safetensorsFormat(s, o, m)
	if err != nil {
		return nil, err
	}
	weights[0].suffix = "/" + hubWeights
	return []artifact{plainFile("/"+hubConfig, append(text, '\n')), weights[0], plainFile("/"+hubCard, card)}, nil
}

// plainFile is an artifact of known content.
func plainFile(suffix string, content []byte) artifact {
	return artifact{
		suffix: suffix,
		write:  func(w io.Writer) error { _, err := w.Write(content); return err },
		verify: func(path string) error {
			read, err := regular.ReadFile(path, int64(len(content)))
			if err == nil && !bytes.Equal(read, content) {
				err = errors.New("its text differs")
			}
			return err
		},
	}
}

// isHubFolder tells whether a path is a folder with a model of timm's or of transformers'.
func isHubFolder(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	_, config := os.Stat(filepath.Join(path, hubConfig))
	_, weights := os.Stat(filepath.Join(path, hubWeights))
	_, pickled := os.Stat(filepath.Join(path, hubPickle))
	return config == nil && (weights == nil || pickled == nil)
}

// importHub reads an encoder from a model's folder. Options say what they say of a file's; without them the size of images
// and their normalisation are config.json's. A folder that the timm format wrote gives back what was exported.
func importHub(dir string, o ImportOptions) (*encoder.Weights, error) {
	text, err := regular.ReadFile(filepath.Join(dir, hubConfig), maxHubConfig)
	if err != nil {
		return nil, err
	}
	var c timmConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnknown, hubConfig, err)
	}
	if name, _, _ := strings.Cut(c.Architecture, "."); !slices.Contains(resnet.Archs, name) {
		return nil, fmt.Errorf("%w: %s: architecture %.40q, want one of %s, in timm's words", ErrUnknown, hubConfig, c.Architecture, strings.Join(resnet.Archs, ", "))
	}
	file := filepath.Join(dir, hubWeights)
	var known *encoder.Manifest
	if w, err := encoder.Load(file); err == nil {
		if o == (ImportOptions{}) {
			w.Path = filepath.Clean(dir)
			return w, nil
		}
		known = &w.Manifest
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		file = filepath.Join(dir, hubPickle)
	}
	tensors, err := readTensors(file)
	if err != nil {
		return nil, err
	}
	in, size := c.Pretrained, c.Pretrained.InputSize
	if o.ImageSize == 0 && size[1] > 0 && size[1] == size[2] {
		o.ImageSize = size[1]
	}
	w, err := importTensors(dir, tensors, known, o)
	if err != nil {
		return nil, err
	}
	if o.Views == "" {
		input := &w.Manifest.Input
		if err := errors.Join(ofChannels(&input.Mean, "mean", in.Mean), ofChannels(&input.Std, "std", in.Std)); err != nil {
			return nil, err
		}
	}
	return w, w.Manifest.Validate()
}

// ofChannels takes timm's numbers: one for each channel, one for all, or none where it does not say.
func ofChannels(into *[3]float64, what string, numbers []float64) error {
	switch len(numbers) {
	case 0:
	case 1, 3:
		for i := range into {
			into[i] = numbers[i%len(numbers)]
		}
	default:
		return fmt.Errorf("%w: %s: pretrained_cfg.%s has %d numbers, want 1 or 3", ErrUnknown, hubConfig, what, len(numbers))
	}
	return nil
}
