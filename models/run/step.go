package run

import (
	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// Step is what the configuration means to package moco: the program of its training step.
func (c Config) Step() (moco.Config, error) {
	views, err := augment.Preset(c.Views.Preset)
	return moco.Config{
		Encoder: c.Encoder.network(), Views: views, ImageSize: c.Views.ImageSize,
		Batch: c.MoCo.Batch, QueueLen: c.MoCo.Queue,
		KeyMomentum: c.MoCo.KeyMomentum, Temperature: c.MoCo.Temperature,
		Groups: c.MoCo.Groups, Shuffle: c.MoCo.Shuffle && c.MoCo.Groups > 1, Symmetric: c.MoCo.Symmetric,
		SGDMomentum: c.Optim.Momentum, WeightDecay: c.Optim.WeightDecay,
	}, err
}

// network is the encoder in the words of package resnet, to which tf32 is float32: how that is multiplied is the
// engine's business.
func (e Encoder) network() resnet.Config {
	precision := e.Precision
	if precision == "tf32" {
		precision = resnet.Float32
	}
	return resnet.Config{
		Arch: e.Arch, Width: e.Width, Stem: e.Stem, Head: e.Head, Dim: e.Dim,
		Precision: precision, Remat: e.Remat,
	}
}
