package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// choicesOf are the values of the flags that name something, for help and completion.
var choicesOf = map[string][]string{
	"preset": run.PresetNames(), "backend": engine.Backends, "gpu-allocator": engine.Allocators,
	"arch": resnet.Archs, "stem": resnet.Stems, "head": resnet.Heads, "precision": resnet.Precisions, "remat": resnet.Remats,
	"views": augment.Presets(), "schedule": run.Schedules,
}

// fieldOf is the annotation of a flag that names the field of the configuration that it sets.
const fieldOf = "field"

// binder declares flags that set one field of a configuration each.
type binder struct {
	flags *pflag.FlagSet
	group string
}

// field notes which field the flag sets, and in which group help shows it.
func (b *binder) field(flag, path string) {
	f := b.flags.Lookup(flag)
	f.Annotations = map[string][]string{fieldOf: {path}, groupOf: {b.group}}
}

func (b *binder) choice(value *string, flag, path, usage string) {
	b.flags.StringVar(value, flag, *value, usage+": "+strings.Join(choicesOf[flag], ", "))
	b.field(flag, path)
}

func (b *binder) string(value *string, flag, path, usage string) {
	b.flags.StringVar(value, flag, *value, usage)
	b.field(flag, path)
}

func (b *binder) int(value *int, flag, path, usage string) {
	b.flags.IntVar(value, flag, *value, usage)
	b.field(flag, path)
}

func (b *binder) ints(value *[]int, flag, path, usage string) {
	b.flags.IntSliceVar(value, flag, *value, usage)
	b.field(flag, path)
}

func (b *binder) float(value *float64, flag, path, usage string) {
	b.flags.Float64Var(value, flag, *value, usage)
	b.field(flag, path)
}

func (b *binder) bool(value *bool, flag, path, usage string) {
	b.flags.BoolVar(value, flag, *value, usage)
	b.field(flag, path)
}

// short gives a flag the one-letter form that PyTorch's training scripts have for it.
func (b *binder) short(flag, letter string) { b.flags.Lookup(flag).Shorthand = letter }

// bindConfig declares the flags that set one field each.
func bindConfig(flags *pflag.FlagSet, c *run.Config) {
	b := &binder{flags: flags, group: groupFirst}
	b.choice(&c.Engine.Backend, "backend", "engine.backend", "engine")
	b.int(&c.Engine.Devices, "devices", "engine.devices", "devices to use; they divide the BatchNorm groups (0: one on the CPU, else all)")
	b.int(&c.MoCo.Batch, "batch", "moco.batch", "global batch")
	b.int(&c.Run.Epochs, "epochs", "run.epochs", "epochs to train")
	b.float(&c.Optim.LR, "lr", "optim.lr", "peak learning rate")

	b.group = groupData
	b.int(&c.Data.TrainImages, "train-images", "data.train_images", "training images to use (0: all)")
	b.int(&c.Data.Canvas, "canvas", "data.canvas", "of a folder's images: side of the square they are squeezed to, or were packed at")
	b.bool(&c.Data.Unlabeled, "unlabeled", "data.unlabeled", "of a folder's images: take all below the folder, without classes")
	b.int(&c.Data.Workers, "workers", "data.workers", "of a folder's images: decoded at a time, if not packed (0: one for each CPU)")
	b.choice(&c.Views.Preset, "views", "views.preset", "augmentation")
	b.int(&c.Views.ImageSize, "image-size", "views.image_size", "side of a view in pixels")

	b.group = groupModel
	b.choice(&c.Encoder.Arch, "arch", "encoder.arch", "encoder")
	b.int(&c.Encoder.Width, "width", "encoder.width", "channels of the first stage")
	b.choice(&c.Encoder.Stem, "stem", "encoder.stem", "what stands before the first stage")
	b.choice(&c.Encoder.Head, "head", "encoder.head", "projection: linear is v1's, mlp v2's")
	b.int(&c.Encoder.Dim, "dim", "encoder.dim", "dimension of the projections")
	b.string(&c.Run.Init, "init", "run.init", "weights to start from: a run, an encoder's file, or one of torchvision, timm or facebookresearch/moco")
	b.string(&c.Run.ResumeFrom, "resume-from", "run.resume_from", "checkpoint of facebookresearch/moco to go on from: encoders, queue, SGD's buffers, epoch")

	b.group = groupAlgorithm
	b.int(&c.MoCo.Queue, "queue", "moco.queue", "keys in the queue")
	b.float(&c.MoCo.KeyMomentum, "key-momentum", "moco.key_momentum", "momentum of the key encoder")
	b.float(&c.MoCo.Temperature, "temperature", "moco.temperature", "temperature of the logits")
	b.int(&c.MoCo.Groups, "bn-groups", "moco.groups", "BatchNorm groups of a batch, whatever the devices")
	b.bool(&c.MoCo.Shuffle, "shuffle", "moco.shuffle", "Shuffling BN: exchange the key images between the groups")
	b.bool(&c.MoCo.Symmetric, "symmetric", "moco.symmetric", "add the loss with the views exchanged")

	b.group = groupOptim
	b.float(&c.Optim.Momentum, "sgd-momentum", "optim.momentum", "momentum of SGD")
	b.float(&c.Optim.WeightDecay, "weight-decay", "optim.weight_decay", "weight decay, on every parameter")
	b.choice(&c.Optim.Schedule, "schedule", "optim.schedule", "learning rate over the epochs")
	b.float(&c.Optim.Warmup, "warmup", "optim.warmup", "epochs of linear warm-up")
	b.ints(&c.Optim.Milestones, "milestones", "optim.milestones", "epochs at which schedule step divides the rate by ten")
	b.int(&c.Run.Steps, "steps", "run.steps", "steps after which to stop (0: after the epochs)")

	b.group = groupEngine
	b.string(&c.Engine.Plugin, "plugin", "engine.plugin", "path of a PJRT plugin to use instead of the installed one")
	b.choice(&c.Encoder.Precision, "precision", "encoder.precision", "arithmetic of the convolutions (tf32 on cuda alone)")
	b.choice(&c.Encoder.Remat, "remat", "encoder.remat", "what the backward pass computes again to save memory")
	bindGPU(b, &c.Engine.GPU)

	b.group = groupRun
	flags.Uint64Var(&c.Run.Seed, "seed", c.Run.Seed, "seed of everything random")
	b.field("seed", "run.seed")
	b.int(&c.Run.CheckpointEvery, "checkpoint-every", "run.checkpoint_every", "steps between checkpoints (0: an epoch)")
	flags.Var((*keepValue)(&c.Run.Keep), "keep", "checkpoints to keep: the last n, those of every so many steps, that of the best kNN")
	b.field("keep", "run.keep")
	b.int(&c.Run.LogEvery, "log-every", "run.log_every", "steps between rows of metrics.jsonl")
	b.ints(&c.KNN.Ks, "knn-ks", "knn.ks", "numbers of neighbours, ascending; the last is the headline")
	b.int(&c.KNN.Every, "knn-every", "knn.every", "epochs between nearest-neighbour evaluations (0: never)")

	b.short("arch", "a")
	b.short("batch", "b")
	b.short("workers", "j")
}

// bindGPU declares the flags of the cuda engine.
func bindGPU(b *binder, g *engine.GPU) {
	b.ints(&g.Devices, "gpus", "engine.gpu.devices", "of cuda: numbers of the GPUs to use, such as 0,2 (default the first --devices, or all)")
	b.float(&g.MemoryFraction, "gpu-memory-fraction", "engine.gpu.memory_fraction", "of cuda: the most to take of each GPU's memory (0: 0.75)")
	b.bool(&g.Preallocate, "gpu-preallocate", "engine.gpu.preallocate", "of cuda: take that memory at the start")
	b.choice(&g.Allocator, "gpu-allocator", "engine.gpu.allocator", "of cuda, default bfc")
	b.int(&g.CollectiveMemory, "gpu-collective-memory", "engine.gpu.collective_memory", "of cuda: MiB set aside on each GPU for exchanges among them")
}

// flagNames maps the fields of a configuration to the flags that set them.
func flagNames() map[string]string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	bindConfig(flags, &run.Config{})
	names := map[string]string{"preset": "preset", "data.kind": "data", "data.split": "data", "data.dir": "data", "run.keep.last": "keep last", "run.keep.every": "keep every"}
	flags.VisitAll(func(f *pflag.Flag) { names[f.Annotations[fieldOf][0]] = f.Name })
	return names
}
