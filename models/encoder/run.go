package encoder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
)

// Run is the whole state of a run's checkpoint, for those who want more than the query encoder.
type Run struct {
	Config     run.Config
	Query, Key *Weights
	// Momentum holds SGD's buffer of each parameter of the query encoder, by name, in package resnet's layout.
	Momentum map[string][]float32
	// Queue is [K, dim]; QueuePtr the row that the next keys go to.
	Queue    []float32
	QueuePtr int
}

// LoadRun reads the newest good checkpoint of a run directory.
func LoadRun(dir string) (*Run, error) {
	saved, err := checkpoint.Load(dir)
	if errors.Is(err, checkpoint.ErrNone) {
		if foreign := run.CheckFolder(dir); foreign != nil {
			return nil, fmt.Errorf("%w: %w", foreign, err)
		}
	}
	if err != nil {
		return nil, err
	}
	r := &Run{Momentum: map[string][]float32{}}
	if r.Config, err = run.ConfigOf(saved.State); err != nil {
		return nil, err
	}
	manifest, err := manifestOf(r.Config, saved.State)
	if err != nil {
		return nil, fmt.Errorf("encoder: %s: %w", saved.Dir, err)
	}
	r.Query = &Weights{Manifest: manifest, Values: map[string][]float32{}, Notes: saved.Notes}
	r.Key = &Weights{Manifest: manifest, Values: map[string][]float32{}, Notes: saved.Notes}
	for _, t := range saved.Tensors {
		if err := r.take(t); err != nil {
			return nil, fmt.Errorf("encoder: %s: %w", saved.Dir, err)
		}
	}
	err = manifest.Validate()
	if err == nil { // the checks take a network that there is
		err = errors.Join(r.Query.check(), r.Key.check())
	}
	if err != nil {
		return nil, fmt.Errorf("encoder: %s: %w", saved.Dir, err)
	}
	return r, nil
}

func manifestOf(c run.Config, state checkpoint.State) (Manifest, error) {
	m := Manifest{
		Format:  ManifestFormat,
		Network: NewNetwork(c.Step().Encoder),
		Input:   NewInput(c.Views.ImageSize, c.Views.Augment.Mean, c.Views.Augment.Std),
		Source: Source{
			Preset: c.Preset, Data: strings.TrimSuffix(c.Data.Kind+"/"+c.Data.Split, "/"),
			Step: state.Step, Epoch: state.Epoch, StepInEpoch: state.StepInEpoch, Versions: state.Versions,
		},
	}
	var err error
	m.Input.Window, err = picture.ParseWindow(c.Data.Window)
	return m, err
}

// take puts a tensor of the checkpoint where it belongs.
func (r *Run) take(t safetensors.Tensor) (err error) {
	scope, name, _ := strings.Cut(t.Name, "/")
	switch scope {
	case moco.QueryScope:
		r.Query.Values[name], err = decode(t)
	case moco.KeyScope:
		r.Key.Values[name], err = decode(t)
	case moco.MomentumScope:
		r.Momentum[name], err = decode(t)
	case moco.QueueName:
		r.Queue, err = decode(t)
	case moco.PointerName:
		if t.DType != "I32" || len(t.Data) != 4 {
			return fmt.Errorf("tensor %q is %s%v, want a scalar of I32", t.Name, t.DType, t.Shape)
		}
		r.QueuePtr = int(int32(binary.LittleEndian.Uint32(t.Data)))
	}
	return err
}
