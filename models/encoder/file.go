package encoder

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// The metadata of an encoder's safetensors file.
const (
	manifestKey = "mocotpu"
	formatKey   = "format" // by which other readers know whose layout it is
	torchFormat = "pt"
)

// WriteSafetensors writes the weights as [Load] reads them: [Weights.StateDict], with the manifest in the file's
// metadata.
func (w *Weights) WriteSafetensors(out io.Writer, dtype string) error {
	tensors, err := w.StateDict(dtype)
	if err != nil {
		return err
	}
	manifest, err := w.Manifest.Encode()
	if err != nil {
		return err
	}
	return safetensors.Write(out, tensors, map[string]string{formatKey: torchFormat, manifestKey: string(manifest)})
}

// loadFile reads what WriteSafetensors wrote.
func loadFile(path string) (*Weights, error) {
	metadata, err := safetensors.ReadMetadata(path) // before the tensors, which may be many gigabytes of something else
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotEncoder, err)
	}
	text, ok := metadata[manifestKey]
	if !ok {
		return nil, fmt.Errorf("%w: a safetensors file without mocotpu's manifest: mocotpu import makes one of it", ErrNotEncoder)
	}
	w := &Weights{}
	if w.Manifest, err = decodeManifest([]byte(text)); err != nil {
		return nil, err
	}
	tensors, _, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotEncoder, err)
	}
	return w, w.setStateDict(tensors)
}

// StateDict returns the weights as torchvision's state_dict has them: its names, order and layouts, and the buffer
// num_batches_tracked (I64, the number of steps) of each BatchNorm. dtype is F32 or BF16, rounded to nearest even.
func (w *Weights) StateDict(dtype string) ([]safetensors.Tensor, error) {
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	var all []safetensors.Tensor
	for _, p := range w.Manifest.Network.Config().Params() {
		values, dims := resnet.ToTorch(w.Values[p.Name], p.Dims)
		data, err := encode(values, dtype)
		if err != nil {
			return nil, fmt.Errorf("encoder: %w", err)
		}
		all = append(all, safetensors.Tensor{Name: p.Name, DType: dtype, Shape: dims, Data: data})
		if norm, ok := strings.CutSuffix(p.Name, runningVar); ok {
			steps := safetensors.Tensor{Name: norm + batchesTracked, DType: "I64", Shape: []int{}}
			steps.Data = appendInt64(steps.Data, int64(w.Manifest.Source.Step))
			all = append(all, steps)
		}
	}
	return all, nil
}

// The last two buffers of torch's BatchNorm; ours has no use for the second.
const (
	runningVar     = ".running_var"
	batchesTracked = ".num_batches_tracked"
)

// SetStateDict sets Values from tensors with torchvision's names and layouts, F32 or BF16, which must be those of
// Manifest.Network: none missing, no other. The buffers num_batches_tracked may be there or not.
func (w *Weights) SetStateDict(tensors []safetensors.Tensor) error {
	if err := w.setStateDict(tensors); err != nil {
		return fmt.Errorf("encoder: %w", err)
	}
	return nil
}

func (w *Weights) setStateDict(tensors []safetensors.Tensor) error {
	params := map[string]resnet.Param{}
	for _, p := range w.Manifest.Network.Config().Params() {
		params[p.Name] = p
	}
	w.Values = make(map[string][]float32, len(params))
	for _, t := range tensors {
		if strings.HasSuffix(t.Name, batchesTracked) {
			continue
		}
		p, ok := params[t.Name]
		if want := resnet.TorchDims(p.Dims); ok && !slices.Equal(t.Shape, want) {
			return fmt.Errorf("tensor %q is %v, want %v", t.Name, t.Shape, want)
		}
		values, err := decode(t)
		if err != nil {
			return err
		}
		w.Values[t.Name] = resnet.FromTorch(values, p.Dims)
	}
	return w.check()
}
