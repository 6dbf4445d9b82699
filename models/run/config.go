// Package run is a training run on disk and in words: its configuration and presets, its directory with checkpoints,
// metrics and lock, and the schedule of its learning rate. Package train makes one, packages encoder, judge and report
// read one.
//
// # Errors
//
// Everything returns errors. [Config.Validate] lists every problem at once, before anything is read or compiled. Callers
// may act on [settings.ErrInvalid], [ErrIncompatible], [ErrDirectory], [ErrNotRun], [ErrLocked] and those of package checkpoint.
//
// # Determinism
//
// A run is a pure function of its [Config], the data set and the number of BN groups; [Row] keeps what the clock decides
// (images per second, waiting) apart from what it does not.
package run

import (
	"path/filepath"
	"slices"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Config says everything about a run. It is plain data: a preset fills it (see
// [Preset]), flags change it, [Config.Validate] checks it, and config.json in
// the run directory keeps it. Zero means "default" only where the field says so.
type Config struct {
	// Preset is the name of the preset this value started from, "" if none. It
	// is a label: changing it changes nothing else.
	Preset  string         `json:"preset"`
	Data    dataset.Config `json:"data"`
	Views   Views          `json:"views"`
	Encoder resnet.Config  `json:"encoder"`
	MoCo    moco.Config    `json:"moco"`
	Optim   Optim          `json:"optim"`
	KNN     KNN            `json:"knn"`
	// Engine may differ when a run is resumed: it does not change the result beyond rounding.
	Engine engine.Config `json:"engine"`
	Run    Run           `json:"run"`
}

// Views says how an image becomes two.
type Views struct {
	// Preset is what Augment started from: a preset of package augment, or the name of a file. It is a label: changing it
	// changes nothing else.
	Preset string `json:"preset"`
	// Augment is the augmentation itself, with the normalisation.
	Augment augment.Config `json:"augment"`
	// ImageSize is the height and width of a view in pixels: at least 8 with
	// the small stem, 32 with the imagenet stem.
	ImageSize int `json:"image_size"`
}

// SetChannels has the encoder read n channels, 3 or 1, from the images on: see [augment.Config.SetChannels].
func (c *Config) SetChannels(n int) {
	if n == 3 {
		n = 0
	}
	c.Data.Channels = n
	if n == 0 || n == 1 { // other numbers are the data's problem alone
		c.Encoder.Channels = n
		c.Views.Augment.SetChannels(n)
	}
}

// Choose makes the augmentation that of a preset of package augment, or of a file; see [augment.Read]. Fields that the
// file leaves out stay as they are.
func (v *Views) Choose(name string) (err error) {
	if slices.Contains(augment.Presets(), name) {
		v.Preset = name
		v.Augment, err = augment.Preset(name)
		return err
	}
	if filepath.Ext(name) != ".json" {
		var p settings.Check
		p.OneOf("views.preset", name, append(augment.Presets(), "a file that ends in .json")...)
		return p.Err()
	}
	v.Preset = filepath.Base(name)
	v.Augment, err = augment.Read(name, v.Augment)
	return err
}

// Optim holds the settings of SGD and the learning rate; see [LR].
type Optim struct {
	// LR is the peak learning rate for the whole batch; nothing scales it.
	LR float64 `json:"lr"`
	// Momentum is SGD's, in [0, 1): no Nesterov, no dampening.
	Momentum float64 `json:"momentum"`
	// WeightDecay applies to every parameter, those of BatchNorm and the biases
	// included, as in the reference.
	WeightDecay float64 `json:"weight_decay"`
	// Schedule is cosine (per epoch, as the reference), cosine-step (per step),
	// step (times 0.1 at each of Milestones) or constant.
	Schedule string `json:"schedule"`
	// Warmup is the length of the linear warm-up in epochs; fractions are fine.
	Warmup float64 `json:"warmup"`
	// Milestones are the epochs, counted from 0 and ascending, at whose start
	// schedule step lowers the rate. The other schedules want none.
	Milestones []int `json:"milestones"`
}

// KNN says how the nearest-neighbour monitor judges the features.
type KNN struct {
	// Every is the number of epochs between two evaluations, the first of which
	// is before training; 0 never evaluates.
	Every int `json:"every"`
	// Ks are the numbers of neighbours, ascending. The last one is the headline
	// and what the diagnosis looks at.
	Ks []int `json:"ks"`
	// Temperature weighs a neighbour by exp(similarity/Temperature).
	Temperature float64 `json:"temperature"`
	// BankImages limits the training images searched; 0 searches all.
	BankImages int `json:"bank_images"`
}

// Run says how long to train, from which seed, and what to write.
type Run struct {
	// Epochs over the training set; the last, partial batch of each is dropped.
	// 0 takes the length from Steps.
	Epochs int `json:"epochs"`
	// Steps ends the run early, after so many steps; 0 does not. The schedule
	// spans Epochs, or where that is 0 the epochs that Steps take, the last of them whole.
	Steps int `json:"steps"`
	// Init names what both encoders start from: a run directory, an encoder's file, or one of torchvision, timm or
	// facebookresearch/moco. Empty starts from weights drawn by Seed. A run that goes on does not read it.
	Init string `json:"init"`
	// ResumeFrom names a checkpoint of facebookresearch/moco whose whole state this run goes on from: both encoders, SGD's
	// buffers, queue and pointer, and the epochs done, where the schedule goes on. Empty begins at epoch 0. A run that goes
	// on in its own directory does not read it.
	ResumeFrom string `json:"resume_from"`
	// Seed of the parameters, the order of the images and the views.
	Seed uint64 `json:"seed"`
	// CheckpointEvery is the number of steps between checkpoints; 0 writes one
	// at the end of each epoch, and after ten minutes without one. One is always
	// written at the end.
	CheckpointEvery int `json:"checkpoint_every"`
	// Keep says which checkpoints stay. With Best, an evaluation that is better
	// than all before it, by [Run.Score], makes a checkpoint, too.
	Keep checkpoint.Keep `json:"keep"`
	// Expect ends the run after an epoch in which one of these is not met.
	Expect Expectations `json:"expect,omitempty"`
	// LogEvery is the number of steps between rows of metrics.jsonl; the last step of a run, and of an epoch with fewer
	// steps, has a row, too.
	LogEvery int `json:"log_every"`
	// Dir is the run directory. It is not saved: a directory may be moved.
	Dir string `json:"-"`
}

// StepsPerEpoch is the number of full batches in nTrain images.
func (c Config) StepsPerEpoch(nTrain int) int { return nTrain / c.MoCo.Batch }

// Length returns the number of epochs the schedule spans and the number of
// steps after which the run ends, for a validated Run and stepsPerEpoch > 0.
func (r Run) Length(stepsPerEpoch int) (epochs, steps int) {
	if r.Epochs == 0 {
		return (r.Steps + stepsPerEpoch - 1) / stepsPerEpoch, r.Steps
	}
	steps = r.Epochs * stepsPerEpoch
	if r.Steps > 0 {
		steps = min(steps, r.Steps)
	}
	return r.Epochs, steps
}
