package convert

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// ErrUnknown says that a file holds tensors, but none of an encoder known here.
var ErrUnknown = errors.New("no encoder that is known here")

// ErrSpoilt says that weights hold NaN, an infinity or a negative variance: their training diverged, or the file is damaged.
var ErrSpoilt = errors.New("weights of no use")

// ImportOptions say what a file of weights does not.
type ImportOptions struct {
	// Trunk drops the head, of which only MoCo's two kinds are known.
	Trunk bool
	// ImageSize is the side in pixels of the images that the encoder was trained on; 0 is the manifest's of an export, else
	// 224, or 32 with the small stem.
	ImageSize int
	// Views names the preset of package augment whose normalisation it was trained with; "" is the manifest's of an export,
	// else v1, which is ImageNet's, or cifar with the small stem.
	Views string
}

// usualInputs are the image size and the views of a stem.
var usualInputs = map[string]ImportOptions{
	resnet.StemImageNet: {ImageSize: 224, Views: "v1"},
	resnet.StemSmall:    {ImageSize: 32, Views: "cifar"},
}

// Import reads an encoder from a safetensors file with torchvision's names or a file of torch.save, such as
// facebookresearch/moco's checkpoints (of which it takes the query encoder) and those of its CIFAR notebook. Architecture,
// width, stem and head follow from names and shapes. A folder of timm's, as the Hugging Face Hub has it, is read as well,
// with its image size and normalisation. A file that [Export] wrote keeps what its manifest says of input, precision and
// source, but for what o says.
func Import(path string, o ImportOptions) (*encoder.Weights, error) {
	w, err := importFile(path, o)
	if err != nil {
		return nil, fmt.Errorf("convert: %s: %w", path, err)
	}
	return w, nil
}

func importFile(path string, o ImportOptions) (*encoder.Weights, error) {
	if isHubFolder(path) {
		return importHub(path, o)
	}
	tensors, err := readTensors(path)
	if err != nil {
		return nil, err
	}
	known, err := knownManifest(path)
	if err != nil {
		return nil, err
	}
	return importTensors(path, tensors, known, o)
}

// importTensors makes an encoder of a file's tensors, with what is known of it by its manifest, if it has one.
func importTensors(path string, tensors []safetensors.Tensor, known *encoder.Manifest, o ImportOptions) (*encoder.Weights, error) {
	tensors, err := torchvisionNames(tensors)
	if err != nil {
		return nil, err
	}
	if o.Trunk {
		tensors = slices.DeleteFunc(tensors, func(t safetensors.Tensor) bool { return strings.HasPrefix(t.Name, "fc.") })
	}
	network, err := deduce(tensors)
	if err != nil {
		return nil, err
	}
	usual := usualInputs[network.Stem]
	views, err := augment.Preset(cmp.Or(o.Views, usual.Views))
	if err != nil {
		return nil, err
	}
	views.SetChannels(network.Channels)
	w := &encoder.Weights{Manifest: encoder.Manifest{
		Format:  encoder.ManifestFormat,
		Network: encoder.NewNetwork(network),
		Input:   encoder.NewInput(cmp.Or(o.ImageSize, usual.ImageSize), views.Mean, views.Std),
		Source:  encoder.Source{Imported: filepath.Base(path)},
	}, Path: filepath.Clean(path)}
	if known != nil {
		takeKnown(&w.Manifest, *known, o)
	}
	if err := errors.Join(w.Manifest.Validate(), w.SetStateDict(tensors)); err != nil {
		return nil, err
	}
	if suspect := w.Suspect(); len(suspect) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrSpoilt, strings.Join(suspect, "\n"))
	}
	return w, nil
}

// readTensors reads either kind of file. A safetensors file has a brace after the 8 bytes of its header's length.
func readTensors(path string) ([]safetensors.Tensor, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var head [9]byte
	if _, err := f.ReadAt(head[:], 0); err == nil && head[8] == '{' {
		tensors, _, err := safetensors.ReadFile(path)
		return tensors, err
	}
	return readStateDict(path)
}

// prefixes are where an encoder stands in a checkpoint, the most telling first: facebookresearch/moco's, with and without
// DistributedDataParallel, moco-v3's, those of other wrappers, torchvision's own.
var prefixes = []string{
	mocoQuery, "encoder_q.", "module.base_encoder.", "base_encoder.", "module.", "backbone.", "",
}

// notebookNames are torchvision's for the nn.Sequential of MoCo's CIFAR notebook.
var notebookNames = map[string]string{
	"net.0.": "conv1.", "net.1.": "bn1.", "net.3.": "layer1.", "net.4.": "layer2.", "net.5.": "layer3.", "net.6.": "layer4.",
	"net.9.": "fc.",
}

// torchvisionNames keeps the tensors of one encoder, under torchvision's names.
func torchvisionNames(tensors []safetensors.Tensor) ([]safetensors.Tensor, error) {
	has := func(name string) bool {
		return slices.ContainsFunc(tensors, func(t safetensors.Tensor) bool { return t.Name == name })
	}
	for _, prefix := range prefixes {
		if !has(prefix+"conv1.weight") && !has(prefix+"net.0.weight") {
			continue
		}
		var kept []safetensors.Tensor
		for _, t := range tensors {
			name, ok := strings.CutPrefix(t.Name, prefix)
			if !ok {
				continue
			}
			for from, to := range notebookNames {
				if rest, ok := strings.CutPrefix(name, from); ok {
					name = to + rest
					break
				}
			}
			t.Name = name
			kept = append(kept, t)
		}
		return kept, nil
	}
	return nil, fmt.Errorf("%w: no tensor conv1.weight, by itself or behind one of %q", ErrUnknown, prefixes)
}

// deduce finds the network that has just these tensors.
func deduce(tensors []safetensors.Tensor) (resnet.Config, error) {
	shapes := map[string][]int{}
	for _, t := range tensors {
		if !strings.HasSuffix(t.Name, ".num_batches_tracked") {
			shapes[t.Name] = t.Shape
		}
	}
	conv1 := shapes["conv1.weight"]
	if len(conv1) != 4 || conv1[0] < 1 {
		return resnet.Config{}, fmt.Errorf("%w: conv1.weight is %v, want [width, 3 or 1, 3 or 7, 3 or 7]", ErrUnknown, conv1)
	}
	c := resnet.Config{
		Width: conv1[0], Stem: resnet.StemSmall, Head: resnet.HeadNone,
		Precision: resnet.Float32, Remat: resnet.RematNone,
	}
	if conv1[1] == 1 {
		c.Channels = 1
	}
	if conv1[2] == 7 {
		c.Stem = resnet.StemImageNet
	}
	for name, head := range map[string]string{"fc.weight": resnet.HeadLinear, "fc.2.weight": resnet.HeadMLP} {
		if shape := shapes[name]; len(shape) == 2 && shape[0] > 0 {
			c.Head, c.Dim = head, shape[0]
		}
	}
	closest, fewest := "", -1
	for _, c.Arch = range resnet.Archs {
		wrong := differences(c, shapes)
		if len(wrong) == 0 {
			return c, nil
		}
		if fewest < 0 || len(wrong) < fewest {
			closest, fewest = fmt.Sprintf("%s, but for %d tensors, of which the first is %s", c.Arch, len(wrong), wrong[0]), len(wrong)
		}
	}
	return resnet.Config{}, fmt.Errorf("%w: the closest is %s (--trunk leaves an unknown head out)", ErrUnknown, closest)
}

// differences names the tensors in which the shapes differ from the network's.
func differences(c resnet.Config, shapes map[string][]int) []string {
	var wrong []string
	known := map[string]bool{}
	for _, p := range c.Params() {
		known[p.Name] = true
		if want, got := resnet.TorchDims(p.Dims), shapes[p.Name]; !slices.Equal(got, want) {
			wrong = append(wrong, fmt.Sprintf("%s %v, want %v", p.Name, got, want))
		}
	}
	for name, shape := range shapes {
		if !known[name] {
			wrong = append(wrong, fmt.Sprintf("%s %v, want none", name, shape))
		}
	}
	slices.Sort(wrong)
	return wrong
}
