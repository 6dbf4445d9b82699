package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// subject is one thing that eval judges.
type subject struct {
	name    string
	weights *encoder.Weights // nil for pixels
}

// embedding is a set's features: of the trunk, and of the head where there is one (else Dim 0).
type embedding struct{ trunk, head encoder.Features }

// embed computes the features of both sets.
func (s subject) embed(m *mesh.Mesh, train, test *data.Set) (a, b embedding, err error) {
	if s.weights == nil {
		if a.trunk, err = judge.Pixels(train.Pixels, train.N); err != nil {
			return a, b, err
		}
		b.trunk, err = judge.Pixels(test.Pixels, test.N)
		return a, b, err
	}
	e, err := encoder.New(m.Backend(), s.weights, encoder.Options{Devices: m.Devices()})
	if err != nil {
		return a, b, err
	}
	defer e.Close()
	if a.trunk, a.head, err = e.Both(train.Pixels, train.N); err != nil {
		return a, b, err
	}
	b.trunk, b.head, err = e.Both(test.Pixels, test.N)
	return a, b, err
}

// network is the subject's trunk for package classify.
func (s subject) network() (judge.Network, error) {
	w := s.weights.Trunk()
	net := judge.Network{
		Store: model.NewStore(), Scope: "trunk", Encoder: w.Manifest.Network.Config(), ImageSize: w.Manifest.Input.ImageSize,
	}
	whole := augment.Range{Min: 1, Max: 1}
	net.Views = augment.Config{Area: whole, Ratio: whole, Mean: w.Manifest.Input.Mean, Std: w.Manifest.Input.Std}
	return net, w.Variables(net.Store.RootScope().In("%s", net.Scope))
}

// views are the augmentations that the encoder was runed with, or, for a file, those usual for the data.
func (s *source) views() (augment.Config, error) {
	preset := "v2"
	if s.run != nil {
		preset = s.run.Views.Preset
	} else {
		for kind, name := range map[string]string{"glyphs": "glyphs", "mnist": "digits", "emnist": "digits", "cifar10": "cifar", "cifar100": "cifar"} {
			if s.data.Kind == kind {
				preset = name
			}
		}
	}
	views, err := augment.Preset(preset)
	views.Mean, views.Std = s.weights.Manifest.Input.Mean, s.weights.Manifest.Input.Std
	return views, err
}

// recalibrationImages set the statistics of an untrained encoder.
const recalibrationImages = 1280

// fresh is the encoder as its run began: the same first weights, in a store of its own.
func (s *source) fresh() (judge.Network, error) {
	net, err := subject{weights: s.weights}.network()
	if err != nil {
		return net, err
	}
	seed := uint64(0)
	if s.run != nil {
		seed = s.run.Run.Seed
	}
	net.Store = model.NewStore()
	resnet.Init(net.Store.RootScope().In("%s", net.Scope), net.Encoder, seed)
	return net, nil
}

// untrained is the fresh encoder with BatchNorm's statistics those of training images: its own first ones, 0 and 1,
// would judge the initialiser instead.
func (s *source) untrained(m *mesh.Mesh, train *data.Set) (*encoder.Weights, error) {
	net, err := s.fresh()
	if err != nil {
		return nil, err
	}
	n := min(train.N, recalibrationImages)
	batch := min(128, n) / m.Devices() * m.Devices()
	if batch == 0 {
		return nil, fmt.Errorf("untrained: %d training images on %d devices, want one each", n, m.Devices())
	}
	c := encoder.ProgramConfig{
		Encoder: net.Encoder, Views: net.Views, ImageSize: net.ImageSize, Size: train.Size, Channels: train.Channels, Batch: batch,
	}
	w := s.weights.Trunk()
	w.Values = map[string][]float32{}
	err = encoder.Recalibrated(m, net.Store, net.Scope, c, train.Pixels[:n*train.ImageLen()], n, n/batch, func() error {
		for _, p := range net.Encoder.Params() {
			value, err := net.Store.RootScope().At("%s", net.Scope).GetVariable(p.Name).Value()
			if err == nil {
				err = tensors.ConstFlatData(value, func(flat []float32) { w.Values[p.Name] = slices.Clone(flat) })
			}
			if err != nil {
				return fmt.Errorf("untrained: reading %s: %w", p.Name, err)
			}
		}
		return nil
	})
	return w, err
}

// supervised is the fresh encoder after the run's own recipe with labels: as many epochs, the same batch, rate, decay
// and views.
func (s *source) supervised(ctx context.Context, m *mesh.Mesh, train, test *data.Set, progress func(done, total int)) (*encoder.Weights, judge.Result, error) {
	net, err := s.fresh()
	if err != nil {
		return nil, judge.Result{}, err
	}
	views, err := s.views()
	if err != nil {
		return nil, judge.Result{}, err
	}
	c := *s.run
	epochs, _ := c.Run.Length(max(1, c.StepsPerEpoch(train.N)))
	o := judge.Supervised(views, epochs, c.MoCo.Batch, c.Optim.LR, c.Optim.Momentum, c.Optim.WeightDecay)
	r, err := judge.Train(ctx, m, net, train, test, nil, o, progress)
	w := s.weights.Trunk()
	w.Values = r.Trunk
	return w, r, err
}
