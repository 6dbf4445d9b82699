package run

import (
	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
)

// Step is the program of the training step that the configuration describes.
func (c Config) Step() (moco.Step, error) {
	views, err := augment.Preset(c.Views.Preset)
	s := moco.Step{
		Config: c.MoCo, Encoder: c.Encoder, Views: views, ImageSize: c.Views.ImageSize,
		SGDMomentum: c.Optim.Momentum, WeightDecay: c.Optim.WeightDecay,
	}
	return s, err
}
