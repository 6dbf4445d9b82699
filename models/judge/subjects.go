package judge

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// recalibrationImages set the statistics of an untrained encoder, in batches of recalibrationBatch.
const (
	recalibrationImages = 1280
	recalibrationBatch  = 128
)

// subject is one thing that is judged.
type subject struct {
	name    string
	weights *encoder.Weights // nil for pixels
}

// embed computes the features of both sets.
func (e *evaluation) embed(s subject) (train, test encoder.Embedding, err error) {
	progress := e.progress.Stage(s.name + ": features")
	if s.weights == nil {
		for _, of := range []struct {
			source data.Source
			to     *encoder.Embedding
		}{{e.train, &train}, {e.test, &test}} {
			pixels, err := Pixels(e.ctx, of.source)
			if err != nil {
				return train, test, err
			}
			of.to.Trunk, of.to.Labels = pixels.Features, pixels.Labels
		}
		return train, test, nil
	}
	opened, err := encoder.New(e.mesh.Backend(), s.weights, encoder.Options{Devices: e.mesh.Devices()})
	if err != nil {
		return train, test, err
	}
	defer opened.Close()
	if train, err = opened.EmbedAll(e.ctx, e.train, progress); err != nil {
		return train, test, err
	}
	test, err = opened.EmbedAll(e.ctx, e.test, progress)
	return train, test, err
}

// networkOf is the trunk of weights in a store.
func networkOf(w *encoder.Weights) (network, error) {
	w = w.Trunk()
	net := network{
		Store: model.NewStore(), Scope: "trunk", Encoder: w.Manifest.Network.Config(), ImageSize: w.Manifest.Input.ImageSize,
		Views: w.Manifest.Views(),
	}
	return net, w.Variables(net.Store.RootScope().In("%s", net.Scope))
}

// pretrainingViews are the augmentations that the encoder was pretrained with, or, for a file, those usual for the data.
func pretrainingViews(w *encoder.Weights, train data.Source) (augment.Config, error) {
	if w.Run != nil {
		return w.Run.Views.Augment, nil
	}
	preset := "v2"
	if set, ok := train.(*data.Set); ok {
		named, _ := dataset.Named(set.Name)
		switch named.Kind {
		case "glyphs":
			preset = "glyphs"
		case "mnist", "emnist":
			preset = "digits"
		case "cifar10", "cifar100":
			preset = "cifar"
		}
	}
	views, err := augment.Preset(preset)
	views.SetChannels(w.Manifest.Network.Channels)
	views.Mean, views.Std = w.Manifest.Input.Mean, w.Manifest.Input.Std
	return views, err
}

// noteFirstWeights says of a run that began with weights from a file that the baselines do not.
func (e *evaluation) noteFirstWeights() {
	if e.weights.Run == nil {
		return
	}
	began := cmp.Or(e.weights.Run.Run.Init, e.weights.Run.Run.ResumeFrom)
	asked := func(baseline string) bool { return slices.Contains(e.options.Baselines, baseline) }
	if began != "" && (asked("untrained") || asked("supervised")) {
		e.progress.Note("the run began with the weights of " + began + ": the baselines untrained and supervised begin with weights drawn by its seed")
	}
}

// fresh is the run's encoder with weights drawn by its seed: its first ones, unless they came from a file.
func (e *evaluation) fresh() network {
	w := e.weights.Trunk()
	net := network{
		Store: model.NewStore(), Scope: "trunk", Encoder: w.Manifest.Network.Config(), ImageSize: w.Manifest.Input.ImageSize,
		Views: w.Manifest.Views(),
	}
	seed := uint64(0)
	if w.Run != nil {
		seed = w.Run.Run.Seed
	}
	resnet.Init(net.Store.RootScope().In("%s", net.Scope), net.Encoder, seed)
	return net
}

// untrained is the fresh encoder with BatchNorm's statistics those of training images: its own first ones, 0 and 1,
// would judge the initialiser instead.
func (e *evaluation) untrained() (*encoder.Weights, error) {
	net, info, devices := e.fresh(), e.train.Info(), e.mesh.Devices()
	n := min(info.N, recalibrationImages)
	batch := min(recalibrationBatch, n) / devices * devices
	if batch == 0 {
		return nil, fmt.Errorf("%w: %d training images on %d devices, want one each: fewer --devices", settings.ErrInvalid, n, devices)
	}
	c := encoder.ProgramConfig{
		Encoder: net.Encoder, Views: net.Views, ImageSize: net.ImageSize, Size: info.Size, Channels: info.Channels, Batch: batch,
	}
	w := e.weights.Trunk()
	w.Values = map[string][]float32{}
	err := encoder.Recalibrated(e.ctx, e.mesh, net.Store, net.Scope, c, dataset.Part(e.train, n), n/batch, func() error {
		for _, p := range net.Encoder.Params() {
			value, err := valueOf(net.Store, net.Scope, p.Name)
			if err == nil {
				err = tensors.ConstFlatData(value, func(flat []float32) { w.Values[p.Name] = slices.Clone(flat) })
			}
			if err != nil {
				return fmt.Errorf("reading %s: %w", p.Name, err)
			}
		}
		return nil
	})
	return w, err
}

// epochsOf is how many epochs of n images a run's steps make, at least one.
func epochsOf(c run.Config, n int) int {
	perEpoch := max(1, c.StepsPerEpoch(n))
	_, steps := c.Run.Length(perEpoch)
	return max(1, (steps+perEpoch/2)/perEpoch)
}

// supervised is the fresh encoder after the run's own recipe with labels: as many epochs as its steps made, rounded, the
// same batch, rate, decay and views. Its own classifier is a row of the report.
func (e *evaluation) supervised(s subject) (*encoder.Weights, error) {
	start, c := time.Now(), *e.weights.Run
	o := supervised(e.views, epochsOf(c, e.train.Info().N), c.MoCo.Batch, c.Optim.LR, c.Optim.Momentum, c.Optim.WeightDecay)
	o.Central = e.ofPhotos()
	r, err := trainClassifier(e.ctx, e.mesh, e.fresh(), e.train, e.test, nil, o, e.progress.Stage(s.name+": training"))
	if err != nil {
		return nil, err
	}
	row := e.add(s, "supervised", "backbone", r.Tally, start)
	row.LR, row.Losses, row.LabelledImages = o.LR, r.Losses, r.Images
	w := e.weights.Trunk()
	w.Values = r.Trunk
	return w, nil
}
