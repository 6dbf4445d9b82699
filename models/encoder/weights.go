package encoder

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// Weights are a trained encoder in the host's memory.
type Weights struct {
	Manifest Manifest
	// Values hold every variable of Manifest.Network by torchvision's name, in package resnet's layout.
	Values map[string][]float32
	// Path is the run directory or file that it was loaded from, and Run the configuration of a run's newest part; nil for
	// a file.
	Path string
	Run  *run.Config
	// Notes tell the user, a line each, what was passed over and why; empty when all is well.
	Notes []string
}

// check compares names and sizes with the network's.
func (w *Weights) check() error {
	params := w.Manifest.Network.Config().Params()
	for _, p := range params {
		values, ok := w.Values[p.Name]
		if !ok {
			return fmt.Errorf("tensor %q is missing", p.Name)
		}
		if len(values) != p.Size() {
			return fmt.Errorf("tensor %q has %d values, want %d for %v", p.Name, len(values), p.Size(), p.Dims)
		}
	}
	known := make(map[string]bool, len(params))
	for _, p := range params {
		known[p.Name] = true
	}
	for name := range w.Values {
		if !known[name] {
			return fmt.Errorf("tensor %q is not in a %s with head %q", name, w.Manifest.Network.Arch, w.Manifest.Network.Head)
		}
	}
	return nil
}

// BatchBytes is the least that a batch of so many images takes in memory, as float32 [batch, size, size, channels] of the encoder's
// size; math.MaxInt64 for more than that.
func (w *Weights) BatchBytes(batch int) int64 {
	side := int64(max(1, w.Manifest.Input.ImageSize))
	return limits.Product(int64(max(0, batch)), side, side, int64(w.Manifest.Network.Config().ImageChannels()), 4)
}

// Checksum is a SHA-256, in hex, of the network, its input and all values: that of the same encoder is the same, from
// whatever file or run it was read.
func (w *Weights) Checksum() (string, error) {
	if err := w.check(); err != nil {
		return "", fmt.Errorf("encoder: %w", err)
	}
	h := sha256.New()
	if err := json.NewEncoder(h).Encode([]any{w.Manifest.Network, w.Manifest.Input}); err != nil {
		return "", fmt.Errorf("encoder: checksum: %w", err)
	}
	for _, p := range w.Manifest.Network.Config().Params() {
		fmt.Fprintln(h, p.Name)
		if err := binary.Write(h, binary.LittleEndian, w.Values[p.Name]); err != nil {
			return "", fmt.Errorf("encoder: checksum: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Trunk returns the weights without their head. The values are shared.
func (w *Weights) Trunk() *Weights {
	trunk := *w
	trunk.Manifest.Network.Head, trunk.Manifest.Network.Projection = resnet.HeadNone, 0
	trunk.Values = make(map[string][]float32, len(w.Values))
	for _, p := range trunk.Manifest.Network.Config().Params() {
		trunk.Values[p.Name] = w.Values[p.Name]
	}
	return &trunk
}

// Variables creates the encoder's variables in scope, for resnet.Forward; they are copies.
func (w *Weights) Variables(scope *model.Scope) error {
	if err := w.check(); err != nil {
		return fmt.Errorf("encoder: %w", err)
	}
	for _, p := range w.Manifest.Network.Config().Params() {
		value := tensors.FromFlatDataAndDimensions(w.Values[p.Name], p.Dims...)
		scope.VariableWithValue(p.Name, value).SetTrainable(!p.Buffer)
	}
	return nil
}
