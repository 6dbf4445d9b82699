package judge

import (
	"errors"
	"fmt"
	"math"

	"github.com/mocotpu/mocotpu/models/augment"
)

// recipe are the settings of [trainClassifier]; start from [linearProtocol], [finetuning] or [supervised].
type recipe struct {
	// Frozen keeps the trunk as it is, in evaluation mode, and trains the classifier alone.
	Frozen bool
	// Views augment the training images: one view of each an epoch.
	Views augment.Config
	// Central has the classifier tested by the middle of each image, see [augment.Central], not by the whole of it squeezed.
	Central bool
	// Epochs over the training images. Where they have fewer than MinSteps steps there are more, enough for them.
	Epochs, MinSteps int
	// Batch is rounded to what the devices and the images allow: padded where the trunk is frozen, else cut.
	Batch int
	// LR is the classifier's learning rate and TrunkLR the trunk's, which is 0 where it is frozen.
	LR, TrunkLR float64
	// Momentum and WeightDecay are SGD's, the latter on every parameter.
	Momentum, WeightDecay float64
	// Cosine lowers the rates along half a cosine, epoch by epoch; otherwise they are divided by ten at 60 and 80 %.
	Cosine bool
	// Seed of the first weights, the order and the views.
	Seed uint64
}

// linearProtocol is the MoCo papers' linear classification: the trunk frozen in evaluation mode, SGD at rate 30
// without weight decay, batch 256, 100 epochs, divided by ten at 60 and 80, crops and flips.
//
// The authors report the best accuracy of all epochs, chosen on the images they report it for; this package reports
// the last.
func linearProtocol(pretraining augment.Config) recipe {
	return recipe{
		Frozen: true, Views: crops(pretraining), Epochs: 100, Batch: 256, LR: 30, Momentum: 0.9,
	}
}

// finetuning trains trunk and classifier, from the encoder given, on few labels or all: the classifier ten times as
// fast as the trunk, 30 epochs, but at least 300 steps, by cosine. Not from a MoCo paper, which finetunes detectors.
func finetuning(pretraining augment.Config) recipe {
	return recipe{
		Views: crops(pretraining), Epochs: 30, MinSteps: 300, Batch: 128, LR: 0.1, TrunkLR: 0.01, Momentum: 0.9,
		WeightDecay: 1e-4, Cosine: true,
	}
}

// supervised is a run's own recipe with labels: the epochs, batch, rate, decay and views that it had without them. From an
// untrained encoder it is the baseline of the same budget. The rate falls along half a cosine, whatever the run's schedule
// was, and BatchNorm's statistics are those of the whole batch.
func supervised(views augment.Config, epochs, batch int, lr, momentum, decay float64) recipe {
	return recipe{
		Views: views, Epochs: epochs, Batch: batch, LR: lr, TrunkLR: lr, Momentum: momentum, WeightDecay: decay, Cosine: true,
	}
}

// crops are what is left of a pretraining's views with labels: crops and flips, without colours and blur. Where it
// flips they are torchvision's default crops of 8 to 100 % of the area; where it does not (characters) they stay the
// pretraining's, since a twelfth of a character tells nothing.
func crops(pretraining augment.Config) augment.Config {
	c := augment.Config{
		Area: pretraining.Area, Ratio: pretraining.Ratio, Flip: pretraining.Flip,
		Mean: pretraining.Mean, Std: pretraining.Std, Channels: pretraining.Channels,
	}
	if c.Flip > 0 {
		c.Area = augment.Range{Min: 0.08, Max: 1}
	}
	return c
}

// check lists what is wrong with the options.
func (o recipe) check() error {
	errs := []error{o.Views.Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Epochs < 1 || o.Batch < 1 {
		bad("%d epochs, batch %d, want at least 1 of each", o.Epochs, o.Batch)
	}
	if !(o.LR > 0) || math.IsInf(o.LR, 1) {
		bad("learning rate %g, want a number above 0", o.LR)
	}
	if o.Frozen && o.TrunkLR != 0 {
		bad("learning rate %g for a frozen trunk, want 0", o.TrunkLR)
	}
	if !o.Frozen && (!(o.TrunkLR > 0) || math.IsInf(o.TrunkLR, 1)) {
		bad("learning rate %g for the trunk, want a number above 0", o.TrunkLR)
	}
	return errors.Join(errs...)
}

// scale is what the schedule multiplies the rates by.
func (o recipe) scale(epoch, epochs int) float64 {
	if o.Cosine {
		return (1 + math.Cos(math.Pi*float64(epoch)/float64(epochs))) / 2
	}
	return tenths(epoch, epochs)
}

// plan is the batch and the number of epochs for n training images on so many devices.
func (o recipe) plan(n, devices int) (batch, epochs int, err error) {
	batch = o.Batch
	if !o.Frozen {
		batch = min(batch, n)
		if batch -= batch % devices; batch < 2 {
			return 0, 0, fmt.Errorf("%d training images for a batch over %d devices, want at least 2 and one a device: "+
				"more labels, or fewer devices", n, devices)
		}
	}
	batch = roundUp(batch, devices)
	steps := n / batch
	if o.Frozen {
		steps = (n + batch - 1) / batch
	}
	return batch, max(o.Epochs, (o.MinSteps+steps-1)/steps), nil
}
