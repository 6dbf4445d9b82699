package run

import "github.com/mocotpu/mocotpu/models/moco"

// Step is the program of the training step that the configuration describes.
func (c Config) Step() moco.Step {
	return moco.Step{
		Config: c.MoCo, Encoder: c.Encoder, Views: c.Views.Augment, ImageSize: c.Views.ImageSize,
		SGDMomentum: c.Optim.Momentum, WeightDecay: c.Optim.WeightDecay,
	}
}
