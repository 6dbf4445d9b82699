package run

import (
	"slices"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// DefaultPreset is what `mocotpu train` runs when it is told nothing.
const DefaultPreset = "glyphs"

// presets in the order in which help lists them.
var presets = []struct {
	name string
	make func() Config
}{
	{"glyphs", Glyphs},
	{"glyphs-go", GlyphsGo},
	{"mnist", MNIST},
	{"emnist", EMNIST},
	{"cifar10", CIFAR10},
	{"imagenet-mini", ImageNetMini},
	{"moco-v1", MoCoV1},
	{"moco-v2", MoCoV2},
	{"student", Student},
	{AutoPreset, Auto},
}

// Preset returns a fresh copy of the named preset, or a [settings.Error] that
// lists the names there are.
func Preset(name string) (Config, error) {
	for _, p := range presets {
		if p.name == name {
			return p.make(), nil
		}
	}
	var p settings.Check
	p.OneOf("preset", name, PresetNames()...)
	return Config{}, p.Err()
}

// PresetNames lists the presets, the default first.
func PresetNames() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// Glyphs is the default: it learns 62 drawn classes in minutes on two CPU cores
// and downloads nothing. A ResNet of one block per stage and 16 channels,
// 12 000 images of 32 pixels, 8 shuffled BN groups of 16 images, 2048 keys.
func Glyphs() Config {
	c := base("glyphs")
	c.Data = dataset.Config{Kind: "glyphs", TrainImages: 12000, TestImages: 2000}
	c.Views = viewsOf("glyphs", 32)
	c.Encoder.Arch, c.Encoder.Width, c.Encoder.Stem = "resnet10", 16, "small"
	c.MoCo.Batch, c.MoCo.Queue = 128, 2048
	c.MoCo.KeyMomentum, c.MoCo.Temperature = 0.99, 0.1
	c.Optim.LR, c.Optim.WeightDecay = 0.06, 5e-4
	c.Run.Epochs = 8
	return c
}

// GlyphsGo is [Glyphs] made small enough for the pure Go engine: views of 16 pixels, half the channels, a third of the
// images, half the batch.
func GlyphsGo() Config {
	c := Glyphs()
	c.Preset = "glyphs-go"
	c.Engine.Backend = "go"
	c.Data.TrainImages, c.Data.TestImages = 4000, 1000
	c.Views.ImageSize = 16
	c.Encoder.Width = 8
	c.MoCo.Batch, c.MoCo.Queue = 64, 1024
	c.Optim.LR = 0.03
	c.KNN.Every = 2
	c.Run.Epochs = 6
	return c
}

// MNIST trains a small-stem ResNet-18 on the 60 000 digits, padded to 32
// pixels, with the recipe of [CIFAR10] over fewer epochs, at four times its
// learning rate for an image: that was better after two epochs of a small
// encoder, and so were more steps of fewer images. A tenth of the queue are
// digits of the query's own class; at T 0.5 they are pushed away less than at
// 0.1, and ten labels a class go much further.
func MNIST() Config {
	c := CIFAR10()
	c.Preset = "mnist"
	c.Data = dataset.Config{Kind: "mnist"}
	c.Views = viewsOf("digits", c.Views.ImageSize)
	c.MoCo.Batch = 128
	c.MoCo.Temperature = 0.5
	c.Optim.LR = 0.06
	c.Run.Epochs = 20
	return c
}

// EMNIST is [MNIST] on the 62 classes and 697 932 training images of EMNIST's
// byclass split, over fewer epochs of more images.
func EMNIST() Config {
	c := MNIST()
	c.Preset = "emnist"
	c.Data = dataset.Config{Kind: "emnist", Split: "byclass"}
	c.MoCo.Queue, c.MoCo.Temperature = 16384, 0.1
	c.KNN.BankImages = 50000
	c.Data.TestImages = 10000
	c.Run.Epochs = 10
	return c
}

// CIFAR10 is the recipe of the MoCo authors' CIFAR-10 notebook: small-stem
// ResNet-18, batch 512 in 8 groups, 4096 keys, m 0.99, T 0.1, lr 0.06 by cosine
// over 200 epochs, weight decay 5e-4. The notebook prints kNN 48.0 % after 10
// epochs, 61.4 % after 20, 82.6 % after 200, of the projection. It differs in two points: its
// groups are interleaved, and it counts epochs from 1, so its rate is one epoch
// further along the same curve.
func CIFAR10() Config {
	c := base("cifar10")
	c.Data = dataset.Config{Kind: "cifar10"}
	c.Views = viewsOf("cifar", 32)
	c.Encoder.Arch, c.Encoder.Stem = "resnet18", "small"
	c.MoCo.Batch, c.MoCo.Queue = 512, 4096
	c.MoCo.KeyMomentum, c.MoCo.Temperature = 0.99, 0.1
	c.Optim.LR, c.Optim.WeightDecay = 0.06, 5e-4
	c.Run.Epochs = 200
	return c
}

// MoCoV1 has exactly the published settings of MoCo v1 on ImageNet: ResNet-50,
// batch 256 as 8 groups of 32, 65 536 keys, m 0.999, T 0.07, lr 0.03 divided by
// ten at epochs 120 and 160 of 200. The authors report 60.6 % for a linear
// classifier on its features.
func MoCoV1() Config {
	c := base("moco-v1")
	c.Data = dataset.Config{Kind: "folder", Dir: "data/imagenet", Canvas: 256}
	c.Views = viewsOf("v1", 224)
	c.Encoder.Arch, c.Encoder.Stem = "resnet50", "imagenet"
	c.MoCo.Batch, c.MoCo.Queue = 256, 65536
	c.MoCo.KeyMomentum, c.MoCo.Temperature = 0.999, 0.07
	c.Optim.LR, c.Optim.WeightDecay = 0.03, 1e-4
	c.Optim.Schedule, c.Optim.Milestones = "step", []int{120, 160}
	// A bank of all 1.28 million images would cost more than an epoch's share.
	c.KNN.Every, c.KNN.BankImages = 5, 100000
	c.Run.Epochs = 200
	c.Run.LogEvery = 50
	return c
}

// MoCoV2 is [MoCoV1] with what v2 changed, and nothing else: the MLP head,
// T 0.2, blur and stronger jitter, the cosine schedule. The authors report
// 67.5 % for a linear classifier after 200 epochs.
func MoCoV2() Config {
	c := MoCoV1()
	c.Preset = "moco-v2"
	c.Views = viewsOf("v2", c.Views.ImageSize)
	c.Encoder.Head = "mlp"
	c.MoCo.Temperature = 0.2
	c.Optim.Schedule, c.Optim.Milestones = "cosine", nil
	return c
}

// ImageNetMini is [MoCoV2] for the 34 745 training images of ImageNet-mini: the
// queue is a quarter, so that it stays shorter than the set, and the key
// momentum lower, since an epoch has only 135 steps.
func ImageNetMini() Config {
	c := MoCoV2()
	c.Preset = "imagenet-mini"
	c.Data.Dir = "data/imagenet-mini"
	c.MoCo.Queue, c.MoCo.KeyMomentum = 16384, 0.99
	c.KNN.BankImages = 0
	c.Run.LogEvery = 10
	return c
}

// Student has the settings of the MNIST trainer this project grew from: a key
// momentum of only 0.9, batch 128, 4096 keys, T 0.07. That trainer had no BN
// groups and no shuffle; they are on here, and --shuffle=false shows why.
func Student() Config {
	c := MNIST()
	c.Preset = "student"
	c.MoCo.Batch = 128
	c.MoCo.KeyMomentum, c.MoCo.Temperature = 0.9, 0.07
	c.Optim.LR, c.Optim.WeightDecay = 0.03, 1e-4
	return c
}

// base holds what the presets agree on; alone it does not validate.
func base(name string) Config {
	return Config{
		Preset: name,
		Encoder: resnet.Config{
			Width: 64, Head: "linear", Dim: 128, Precision: "float32", Remat: "none",
		},
		MoCo:   moco.Config{Groups: 8, Shuffle: true},
		Optim:  Optim{Momentum: 0.9, Schedule: "cosine"},
		KNN:    KNN{Every: 1, Ks: slices.Clone(defaultKs), Temperature: 0.1},
		Engine: engine.Config{Backend: "auto"},
		Run:    Run{Keep: checkpoint.Keep{Last: checkpoint.DefaultLast, Best: true}, LogEvery: 10},
	}
}

// defaultKs: 200 is the notebook's, 20 and 5 suit small banks, 1 is the nearest.
var defaultKs = []int{1, 5, 20, 200}

// viewsOf has the augmentation of a preset of package augment.
func viewsOf(preset string, size int) Views {
	return Views{Preset: preset, Augment: must.M1(augment.Preset(preset)), ImageSize: size}
}
