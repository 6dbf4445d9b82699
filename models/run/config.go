// Package run is a training run on disk and in words: its configuration and presets, its directory with checkpoints,
// metrics and lock, and the schedule of its learning rate. Package train makes one, packages encoder, judge and report
// read one.
//
// # Errors
//
// Everything returns errors. [Config.Validate] lists every problem at once, before anything is read or compiled. Callers
// may act on [ErrInvalid], [ErrIncompatible], [ErrDirectory], [ErrLocked] and those of package checkpoint.
//
// # Determinism
//
// A run is a pure function of its [Config], the data set and the number of BN groups; [Row] keeps what the clock decides
// (images per second, waiting) apart from what it does not.
package run

import (
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
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
	Encoder Encoder        `json:"encoder"`
	MoCo    MoCo           `json:"moco"`
	Optim   Optim          `json:"optim"`
	KNN     KNN            `json:"knn"`
	Engine  Engine         `json:"engine"`
	Run     Run            `json:"run"`
}

// Views says how an image becomes two.
type Views struct {
	// Preset is the augmentation: v1, v2, cifar, digits or glyphs.
	Preset string `json:"preset"`
	// ImageSize is the height and width of a view in pixels: at least 8 with
	// the small stem, 32 with the imagenet stem.
	ImageSize int `json:"image_size"`
}

// Encoder is the network that both encoders share.
type Encoder struct {
	// Arch is resnet10 (one basic block per stage), resnet18, resnet34 or
	// resnet50.
	Arch string `json:"arch"`
	// Width is the number of channels after the stem; torchvision's is 64.
	Width int `json:"width"`
	// Stem is imagenet (7x7 stride 2, max-pool) or small (3x3 stride 1).
	Stem string `json:"stem"`
	// Head is linear (v1) or mlp (v2: linear, ReLU, linear; no BatchNorm).
	Head string `json:"head"`
	// Dim is the length of the embedding; the paper's is 128.
	Dim int `json:"dim"`
	// Precision of the convolutions: float32; tf32, which is float32 with the
	// operands rounded to 10 bits of mantissa, of the cuda engine alone; or
	// bfloat16, activations included. Parameters, statistics, the head, the loss
	// and SGD are float32 in all three.
	Precision string `json:"precision"`
	// Remat is what the backward pass computes again instead of keeping: none,
	// or block (keep the input of each residual block only).
	Remat string `json:"remat"`
}

// MoCo holds the settings of the algorithm, in the paper's words.
type MoCo struct {
	// Batch is N, the images per step over all devices. It is a multiple of
	// Groups.
	Batch int `json:"batch"`
	// Queue is K, the number of keys kept as negatives: at least Batch, or
	// 2*Batch when Symmetric. It need not be a multiple of either.
	Queue int `json:"queue"`
	// KeyMomentum is m in k <- m*k + (1-m)*q, in [0, 1).
	KeyMomentum float64 `json:"key_momentum"`
	// Temperature divides the logits; above 0.
	Temperature float64 `json:"temperature"`
	// Groups is G: BatchNorm's statistics are taken over G contiguous groups of
	// the batch, whatever the number of devices, which must divide it. The
	// reference has one group per GPU, so 8.
	Groups int `json:"groups"`
	// Shuffle mixes the images between the groups before the key encoder
	// (Shuffling BN), without which the groups' statistics leak the positive.
	Shuffle bool `json:"shuffle"`
	// Symmetric adds the loss with the two views exchanged.
	Symmetric bool `json:"symmetric"`
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

// Engine says what runs the compiled step. It does not change the result
// beyond rounding, so a run may be resumed on another.
type Engine struct {
	// Backend is auto, go, cpu, cuda or tpu.
	Backend string `json:"backend"`
	// Devices is how many to use; 0 is every device of a cuda or tpu engine and
	// one of the others. It must divide MoCo.Groups.
	Devices int `json:"devices"`
	// Plugin is the path of a PJRT plugin to use instead of the one found. It is
	// recorded, and compared when a run goes on, but never taken from a file: a
	// plugin is code.
	Plugin string `json:"plugin"`
	// GPU is for backend cuda alone.
	GPU GPU `json:"gpu"`
}

// GPU says which GPUs the cuda engine takes, and how much of their memory. Zero
// is the default of every field.
type GPU struct {
	// Devices are CUDA's numbers of the GPUs, each once; empty takes the first
	// Engine.Devices, or all.
	Devices []int `json:"devices"`
	// MemoryFraction is the most that a run takes of each GPU's memory, above 0
	// and at most 1; 0 is XLA's 0.75.
	MemoryFraction float64 `json:"memory_fraction"`
	// Preallocate takes that memory at the start instead of as it is needed.
	Preallocate bool `json:"preallocate"`
	// Allocator is bfc (best fit with coalescing), cuda_async (CUDA's pool) or
	// platform (CUDA piece by piece: slow, with neither of the two above); ""
	// is bfc.
	Allocator string `json:"allocator"`
	// CollectiveMemory is set aside for exchanges among GPUs, in MiB.
	CollectiveMemory int `json:"collective_memory"`
}

// Run says how long to train, from which seed, and what to write.
type Run struct {
	// Epochs over the training set; the last, partial batch of each is dropped.
	// 0 takes the length from Steps.
	Epochs int `json:"epochs"`
	// Steps ends the run early, after so many steps; 0 does not. The schedule
	// spans Epochs, or Steps where Epochs is 0.
	Steps int `json:"steps"`
	// Seed of the parameters, the order of the images and the views.
	Seed uint64 `json:"seed"`
	// CheckpointEvery is the number of steps between checkpoints; 0 writes one
	// at the end of each epoch. One is always written at the end.
	CheckpointEvery int `json:"checkpoint_every"`
	// Keep says which checkpoints stay. With Best, an evaluation that is better
	// than all before it makes a checkpoint, too.
	Keep checkpoint.Keep `json:"keep"`
	// LogEvery is the number of steps between rows of metrics.jsonl.
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
