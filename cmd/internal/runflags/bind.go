package runflags

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// Choices are the values of the flags that name something, for help and completion.
var Choices = map[string][]string{
	"preset": run.PresetNames(), "backend": engine.Backends, "gpu-allocator": engine.Allocators,
	"arch": resnet.Archs, "stem": resnet.Stems, "head": resnet.Heads, "precision": resnet.Precisions, "remat": resnet.Remats,
	"views": augment.Presets(), "schedule": run.Schedules, "expect": run.Figures,
}

// fieldOf is the annotation of a flag that names the field of the configuration that it sets.
const fieldOf = "field"

// letters are the one-letter forms that PyTorch's training scripts have for flags.
var letters = map[string]string{"arch": "a", "batch": "b", "workers": "j"}

// binder declares flags that set one field of a configuration each.
type binder struct {
	flags *pflag.FlagSet
	group string
}

// bind declares a flag for a value, whose default is what it holds, and notes the field that it is. One that names
// something has its choices in its help.
func (b *binder) bind(value any, flag, path, usage string) {
	if choices := Choices[flag]; choices != nil {
		usage += ": " + strings.Join(choices, ", ")
	}
	switch v := value.(type) {
	case *string:
		b.flags.StringVarP(v, flag, letters[flag], *v, usage)
	case *int:
		b.flags.IntVarP(v, flag, letters[flag], *v, usage)
	case *uint64:
		b.flags.Uint64VarP(v, flag, letters[flag], *v, usage)
	case *float64:
		b.flags.Float64VarP(v, flag, letters[flag], *v, usage)
	case *bool:
		b.flags.BoolVarP(v, flag, letters[flag], *v, usage)
	case *[]int:
		b.flags.IntSliceVarP(v, flag, letters[flag], *v, usage)
	case pflag.Value:
		b.flags.VarP(v, flag, letters[flag], usage)
	default:
		panic(fmt.Sprintf("flag %s of %T", flag, value))
	}
	b.flags.Lookup(flag).Annotations = map[string][]string{fieldOf: {path}, groupOf: {b.group}}
}

// bindConfig declares the flags that set one field each.
func bindConfig(flags *pflag.FlagSet, c *run.Config) {
	b := &binder{flags: flags, group: GroupFirst}
	b.bind(&c.Engine.Backend, "backend", "engine.backend", "engine")
	b.bind(&c.Engine.Devices, "devices", "engine.devices", "devices to use; they divide the BatchNorm groups (0: one on the CPU, else all)")
	b.bind(&c.MoCo.Batch, "batch", "moco.batch", "global batch")
	b.bind(&c.Run.Epochs, "epochs", "run.epochs", "epochs to train")
	b.bind(&c.Optim.LR, "lr", "optim.lr", "peak learning rate")

	b.group = GroupData
	b.bind(&c.Data.TrainImages, "train-images", "data.train_images", "training images to use (0: all)")
	b.bind(&c.Data.Canvas, "canvas", "data.canvas", "of a folder's images: side of the square they are squeezed to, or were packed at")
	b.bind(&c.Data.Channels, "channels", "data.channels", "channels that the encoder reads: 1 is gray, of colours their luma (0: 3, to which gray is repeated)")
	b.bind(&c.Data.Window, "window", "data.window", "of a folder's 16-bit images: samples that become 0 to 255, such as 120,3800, or percentiles of the training images, such as 1%,99% (default: 0,65535)")
	b.bind(&c.Data.Unlabeled, "unlabeled", "data.unlabeled", "of a folder's images: take all below the folder, or of the packed set, without classes")
	b.bind(&c.Data.Workers, "workers", "data.workers", "of a folder's images: decoded at a time, if not packed (0: one for each CPU)")
	bindViews(b, &c.Views)
	b.bind(&c.Views.ImageSize, "image-size", "views.image_size", "side of a view in pixels")

	b.group = groupModel
	b.bind(&c.Encoder.Arch, "arch", "encoder.arch", "encoder")
	b.bind(&c.Encoder.Width, "width", "encoder.width", "channels of the first stage")
	b.bind(&c.Encoder.Stem, "stem", "encoder.stem", "what stands before the first stage")
	b.bind(&c.Encoder.Head, "head", "encoder.head", "projection: linear is v1's, mlp v2's")
	b.bind(&c.Encoder.Dim, "dim", "encoder.dim", "dimension of the projections")
	b.bind(&c.Run.Init, "init", "run.init", "weights to start from: a run, an encoder's file, or one of torchvision, timm or facebookresearch/moco")
	b.bind(&c.Run.ResumeFrom, "resume-from", "run.resume_from", "checkpoint of facebookresearch/moco to go on from: encoders, queue, SGD's buffers, epoch")

	b.group = groupAlgorithm
	b.bind(&c.MoCo.Queue, "queue", "moco.queue", "keys in the queue")
	b.bind(&c.MoCo.KeyMomentum, "key-momentum", "moco.key_momentum", "momentum of the key encoder")
	b.bind(&c.MoCo.Temperature, "temperature", "moco.temperature", "temperature of the logits")
	b.bind(&c.MoCo.Groups, "bn-groups", "moco.groups", "BatchNorm groups of a batch, whatever the devices")
	b.bind(&c.MoCo.Shuffle, "shuffle", "moco.shuffle", "Shuffling BN: exchange the key images between the groups")
	b.bind(&c.MoCo.Symmetric, "symmetric", "moco.symmetric", "add the loss with the views exchanged")

	b.group = groupOptim
	b.bind(&c.Optim.Momentum, "sgd-momentum", "optim.momentum", "momentum of SGD")
	b.bind(&c.Optim.WeightDecay, "weight-decay", "optim.weight_decay", "weight decay, on every parameter")
	b.bind(&c.Optim.Schedule, "schedule", "optim.schedule", "learning rate over the epochs")
	b.bind(&c.Optim.Warmup, "warmup", "optim.warmup", "epochs of linear warm-up")
	b.bind(&c.Optim.Milestones, "milestones", "optim.milestones", "epochs at which schedule step divides the rate by ten")
	b.bind(&c.Run.Steps, "steps", "run.steps", "steps after which to stop, where the epochs do not end before (0: after the epochs)")

	b.group = GroupEngine
	b.bind(&c.Engine.Plugin, "plugin", "engine.plugin", "path of a PJRT plugin to use instead of the installed one")
	b.bind(&c.Encoder.Precision, "precision", "encoder.precision", "arithmetic of the convolutions (tf32 on cuda alone)")
	b.bind(&c.Encoder.Remat, "remat", "encoder.remat", "what the backward pass computes again to save memory")
	b.bind(&c.MoCo.Micro, "micro", "moco.micro", "micro-batches, one after the other: less memory and the same numbers; a divisor of a device's BatchNorm groups (0: the whole batch at once)")
	bindGPU(b, &c.Engine.GPU)

	b.group = groupRun
	b.bind(&c.Run.Seed, "seed", "run.seed", "seed of everything random")
	b.bind(&c.Run.CheckpointEvery, "checkpoint-every", "run.checkpoint_every", "steps between checkpoints (0: an epoch)")
	b.bind(&c.Run.Keep, "keep", "run.keep", "checkpoints to keep: the last n (3 where that is not given), those of every so many steps, the best: by kNN, or the figure given (knn, rank, alignment, uniformity, retrieval)")
	b.bind(&c.Run.Expect, "expect", "run.expect", "end the run with exit code 4 after an epoch without this, such as 'knn@10>=45'; once for each. Figures")
	b.bind(&c.Run.LogEvery, "log-every", "run.log_every", "steps between rows of metrics.jsonl")
	b.bind(&c.KNN.Ks, "knn-ks", "knn.ks", "numbers of neighbours, ascending; the last is the headline")
	b.bind(&c.KNN.Every, "knn-every", "knn.every", "epochs between evaluations, by nearest neighbours and without labels (0: never)")
}

// bindGPU declares the flags of the cuda engine.
func bindGPU(b *binder, g *engine.GPU) {
	b.bind(&g.Devices, "gpus", "engine.gpu.devices", "of cuda: numbers of the GPUs to use, such as 0,2 (default the first --devices, or all)")
	b.bind(&g.MemoryFraction, "gpu-memory-fraction", "engine.gpu.memory_fraction", "of cuda: the most to take of each GPU's memory (0: 0.75)")
	b.bind(&g.Preallocate, "gpu-preallocate", "engine.gpu.preallocate", "of cuda: take that memory at the start")
	b.bind(&g.Allocator, "gpu-allocator", "engine.gpu.allocator", "of cuda, default bfc")
	b.bind(&g.CollectiveMemory, "gpu-collective-memory", "engine.gpu.collective_memory", "of cuda: MiB set aside on each GPU for exchanges among them")
}

// names maps the fields of a configuration to the flags that set them.
func names() map[string]string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	bindConfig(flags, &run.Config{})
	flagOf := map[string]string{"preset": "preset", "data.kind": "data", "data.split": "data", "data.dir": "data", "run.keep.last": "keep last", "run.keep.every": "keep every", "run.keep.best_by": "keep best"}
	for _, strength := range []string{"brightness", "contrast", "saturation", "hue"} {
		flagOf["views.augment.jitter."+strength] = "jitter " + strength
	}
	flags.VisitAll(func(f *pflag.Flag) { flagOf[f.Annotations[fieldOf][0]] = f.Name })
	return flagOf
}

// Of is the flag that sets a field of the configuration, without dashes; "" where none does.
func Of(field string) string { return names()[field] }
