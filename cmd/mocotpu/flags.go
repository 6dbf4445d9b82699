package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/run"
)

// configFlags are the flags that describe a run, the same in every command.
type configFlags struct {
	preset string
	dir    string
	data   string
	config run.Config // bound to the flags; holds the default preset's values until they are parsed
}

func addConfigFlags(flags *pflag.FlagSet) *configFlags {
	f := &configFlags{}
	f.config, _ = run.Preset(run.DefaultPreset) // the default preset exists
	flags.SortFlags = false
	flags.StringVar(&f.preset, "preset", run.DefaultPreset, "settings to start from: "+strings.Join(run.PresetNames(), ", "))
	flags.StringVar(&f.dir, "dir", "", "run directory; one of an earlier run goes on from there (default runs/<preset>-<time>)")
	flags.StringVar(&f.data, "data", "", "data set ("+strings.Join(run.Choices("kind"), ", ")+", emnist/<split>), or the folder of the preset's files or of your own images")
	bindConfig(flags, &f.config)
	return f
}

// bindConfig declares the flags that set one field each.
func bindConfig(flags *pflag.FlagSet, c *run.Config) {
	choice := func(field *string, name, choices, usage string) {
		flags.StringVar(field, name, *field, usage+": "+strings.Join(run.Choices(choices), ", "))
	}
	choice(&c.Engine.Backend, "backend", "backend", "engine")
	flags.IntVar(&c.Engine.Devices, "devices", c.Engine.Devices, "devices to use; they divide the BatchNorm groups (0: one on the CPU, else all)")
	flags.StringVar(&c.Engine.Plugin, "plugin", c.Engine.Plugin, "path of a PJRT plugin to use instead of the installed one")
	bindGPU(flags, &c.Engine.GPU)
	choice(&c.Encoder.Arch, "arch", "arch", "encoder")
	flags.IntVar(&c.Encoder.Width, "width", c.Encoder.Width, "channels of the first stage")
	choice(&c.Encoder.Stem, "stem", "stem", "what stands before the first stage")
	choice(&c.Encoder.Head, "head", "head", "projection: linear is v1's, mlp v2's")
	flags.IntVar(&c.Encoder.Dim, "dim", c.Encoder.Dim, "dimension of the projections")
	choice(&c.Views.Preset, "views", "views", "augmentation")
	flags.IntVar(&c.Views.ImageSize, "image-size", c.Views.ImageSize, "side of a view in pixels")
	flags.IntVar(&c.Data.TrainImages, "train-images", c.Data.TrainImages, "training images to use (0: all)")
	flags.IntVar(&c.Data.Canvas, "canvas", c.Data.Canvas, "of a folder's images: side of the square they are squeezed to, or were packed at")
	flags.BoolVar(&c.Data.Unlabeled, "unlabeled", c.Data.Unlabeled, "of a folder's images: take all below the folder, without classes")
	flags.IntVar(&c.Data.Workers, "workers", c.Data.Workers, "of a folder's images: decoded at a time, if not packed (0: one for each CPU)")
	flags.IntVar(&c.MoCo.Batch, "batch", c.MoCo.Batch, "global batch")
	flags.IntVar(&c.MoCo.Queue, "queue", c.MoCo.Queue, "keys in the queue")
	flags.Float64Var(&c.MoCo.KeyMomentum, "key-momentum", c.MoCo.KeyMomentum, "momentum of the key encoder")
	flags.Float64Var(&c.MoCo.Temperature, "temperature", c.MoCo.Temperature, "temperature of the logits")
	flags.IntVar(&c.MoCo.Groups, "bn-groups", c.MoCo.Groups, "BatchNorm groups of a batch, whatever the devices")
	flags.BoolVar(&c.MoCo.Shuffle, "shuffle", c.MoCo.Shuffle, "Shuffling BN: exchange the key images between the groups")
	flags.BoolVar(&c.MoCo.Symmetric, "symmetric", c.MoCo.Symmetric, "add the loss with the views exchanged")
	flags.Float64Var(&c.Optim.LR, "lr", c.Optim.LR, "peak learning rate")
	flags.Float64Var(&c.Optim.Momentum, "sgd-momentum", c.Optim.Momentum, "momentum of SGD")
	flags.Float64Var(&c.Optim.WeightDecay, "weight-decay", c.Optim.WeightDecay, "weight decay, on every parameter")
	choice(&c.Optim.Schedule, "schedule", "schedule", "learning rate over the epochs")
	flags.Float64Var(&c.Optim.Warmup, "warmup", c.Optim.Warmup, "epochs of linear warm-up")
	flags.IntSliceVar(&c.Optim.Milestones, "milestones", c.Optim.Milestones, "epochs at which schedule step divides the rate by ten")
	flags.IntVar(&c.Run.Epochs, "epochs", c.Run.Epochs, "epochs to train")
	flags.IntVar(&c.Run.Steps, "steps", c.Run.Steps, "steps after which to stop (0: after the epochs)")
	choice(&c.Encoder.Precision, "precision", "precision", "arithmetic of the convolutions (tf32 on cuda alone)")
	choice(&c.Encoder.Remat, "remat", "remat", "what the backward pass computes again to save memory")
	flags.Uint64Var(&c.Run.Seed, "seed", c.Run.Seed, "seed of everything random")
	flags.IntVar(&c.Run.CheckpointEvery, "checkpoint-every", c.Run.CheckpointEvery, "steps between checkpoints (0: an epoch)")
	flags.Var((*keepValue)(&c.Run.Keep), "keep", "checkpoints to keep: the last n, those of every so many steps, that of the best kNN")
	flags.IntVar(&c.Run.LogEvery, "log-every", c.Run.LogEvery, "steps between rows of metrics.jsonl")
	flags.IntSliceVar(&c.KNN.Ks, "knn-ks", c.KNN.Ks, "numbers of neighbours, ascending; the last is the headline")
	flags.IntVar(&c.KNN.Every, "knn-every", c.KNN.Every, "epochs between nearest-neighbour evaluations (0: never)")
}

// bindGPU declares the flags of the cuda engine.
func bindGPU(flags *pflag.FlagSet, g *run.GPU) {
	flags.IntSliceVar(&g.Devices, "gpus", g.Devices, "of cuda: numbers of the GPUs to use, such as 0,2 (default the first --devices, or all)")
	flags.Float64Var(&g.MemoryFraction, "gpu-memory-fraction", g.MemoryFraction, "of cuda: the most to take of each GPU's memory (0: 0.75)")
	flags.BoolVar(&g.Preallocate, "gpu-preallocate", g.Preallocate, "of cuda: take that memory at the start")
	flags.StringVar(&g.Allocator, "gpu-allocator", g.Allocator, "of cuda: "+strings.Join(run.Choices("allocator"), ", ")+" (default bfc)")
	flags.IntVar(&g.CollectiveMemory, "gpu-collective-memory", g.CollectiveMemory, "of cuda: MiB set aside on each GPU for exchanges among them")
}

// resolve makes the configuration: that of the run in --dir or of the preset, with the flags given set on top.
func (f *configFlags) resolve(flags *pflag.FlagSet) (run.Config, error) {
	c, err := f.base(flags.Changed("preset"))
	if err != nil {
		return c, usageError{err}
	}
	if backend := flags.Lookup("backend"); backend.Changed && backend.Value.String() != c.Engine.Backend {
		c.Engine.Devices, c.Engine.GPU = 0, run.GPU{} // so many, and those, were meant for the other engine
	}
	if f.data != "" {
		if err := setData(&c.Data, f.data); err != nil {
			return c, usageError{err}
		}
	}
	onto := pflag.NewFlagSet("", pflag.ContinueOnError)
	bindConfig(onto, &c)
	flags.Visit(func(given *pflag.Flag) {
		target := onto.Lookup(given.Name)
		if target == nil {
			return
		}
		if from, ok := given.Value.(pflag.SliceValue); ok {
			err = errors.Join(err, target.Value.(pflag.SliceValue).Replace(from.GetSlice()))
			return
		}
		err = errors.Join(err, target.Value.Set(given.Value.String()))
	})
	if err != nil {
		return c, usageError{err}
	}
	if c.Optim.Schedule != "step" && flags.Changed("schedule") && !flags.Changed("milestones") {
		c.Optim.Milestones = nil // the preset's schedule had them
	}
	c.Run.Dir = f.dir
	if err := c.Validate(); err != nil {
		return c, usageError{err}
	}
	return c, nil
}

func (f *configFlags) base(presetGiven bool) (run.Config, error) {
	if f.dir != "" {
		if err := run.CheckFolder(f.dir); err != nil {
			return run.Config{}, err
		}
	}
	if f.dir != "" && !presetGiven {
		record, err := run.ReadRecord(f.dir)
		// A plugin is code, which a run's files do not get to choose; train notes one that it was trained with.
		record.Engine.Plugin = ""
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return record.Config, err
		}
	}
	if !presetGiven && f.config.Engine.Backend == "go" {
		return run.Preset("glyphs-go") // the default is more than the Go engine can do in minutes
	}
	return run.Preset(f.preset)
}

// defaultCanvas is what images are squeezed to where nobody says otherwise, in pixels.
const defaultCanvas = 256

// setData takes a data set's name, with the split of EMNIST behind a slash, or the folder of the preset's files.
func setData(d *dataset.Config, value string) error {
	kind, split, _ := strings.Cut(value, "/")
	if !slices.Contains(run.Choices("kind"), kind) {
		if d.Kind == "glyphs" {
			return fmt.Errorf("--data %s: the preset's glyphs are drawn and have no files: to train on images of your own, "+
				"take --preset=moco-v2 or imagenet-mini as well", value)
		}
		d.Dir = value
		return nil
	}
	if kind == "emnist" && split == "" {
		split = "byclass"
	}
	if fmt.Sprint(kind, split) != fmt.Sprint(d.Kind, d.Split) {
		*d = dataset.Config{Seed: d.Seed}
	}
	d.Kind, d.Split = kind, split
	if kind == "folder" && d.Canvas == 0 {
		d.Canvas = defaultCanvas
	}
	return nil
}
