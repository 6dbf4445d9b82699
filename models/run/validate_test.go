package run

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// TestPresetsValidate: every preset can be run as it is, carries its own name,
// and is a fresh copy each time.
func TestPresetsValidate(t *testing.T) {
	for _, name := range PresetNames() {
		c, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("preset %s: %v", name, err)
		}
		if c.Preset != name {
			t.Errorf("preset %s calls itself %q", name, c.Preset)
		}
		c.KNN.Ks[0] = 77
		if again, _ := Preset(name); again.KNN.Ks[0] == 77 {
			t.Errorf("preset %s: two copies share a slice", name)
		}
	}
	if PresetNames()[0] != DefaultPreset {
		t.Errorf("first preset %q, want the default %q", PresetNames()[0], DefaultPreset)
	}
	if _, err := Preset("moco-v4"); err == nil || !strings.Contains(err.Error(), "moco-v1, moco-v2") {
		t.Errorf("unknown preset: error %v, want the names there are", err)
	}
}

// cuda puts a configuration on GPUs.
func cuda(g engine.GPU) func(*Config) {
	return func(c *Config) { c.Engine = engine.Config{Backend: "cuda", GPU: g} }
}

// TestValidateGPU: what the cuda engine takes is accepted.
func TestValidateGPU(t *testing.T) {
	for _, g := range []engine.GPU{
		{},
		{Devices: []int{2, 0}, MemoryFraction: 1, Preallocate: true, Allocator: "bfc", CollectiveMemory: 256},
		{MemoryFraction: 0.9, Allocator: "cuda_async"},
		{Allocator: "platform"},
	} {
		c := Glyphs()
		cuda(g)(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v, want no error", g, err)
		}
	}
}

// TestPresetsPublished holds two presets to the published settings.
func TestPresetsPublished(t *testing.T) {
	want := moco.Config{Batch: 256, Queue: 65536, KeyMomentum: 0.999, Temperature: 0.07, Groups: 8, Shuffle: true}
	if got := MoCoV1().MoCo; got != want {
		t.Errorf("moco-v1: %+v, want %+v", got, want)
	}
	changed := Diff(MoCoV1(), MoCoV2())
	fields := make([]string, len(changed))
	for i, line := range changed {
		fields[i], _, _ = strings.Cut(line, ":")
	}
	wantFields := []string{
		"preset", "views.preset", "views.augment.ops", "views.augment.jitter.p", "views.augment.jitter.hue", "views.augment.blur.p",
		"views.augment.blur.sigma.min", "views.augment.blur.sigma.max", "views.augment.blur.kernel", "encoder.head", "moco.temperature", "optim.schedule", "optim.milestones",
	}
	if !slices.Equal(fields, wantFields) {
		t.Errorf("moco-v2 changes %v of moco-v1, want %v", fields, wantFields)
	}
}

// TestValidateEach breaks one thing at a time; the message names the field and
// says what to do.
func TestValidateEach(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tests := []struct {
		name  string
		spoil func(*Config)
		want  string // part of the message
	}{
		{"preset", func(c *Config) { c.Preset = "glyph" }, `preset is "glyph", want one of glyphs, glyphs-go`},
		{"kind", func(c *Config) { c.Data.Kind = "svhn" }, `data.kind is "svhn"`},
		{"split missing", func(c *Config) { c.Data.Kind = "emnist" }, `data.split is "", want one of byclass`},
		{"split unwanted", func(c *Config) { c.Data.Split = "byclass" }, "want none for kind glyphs"},
		{"folder", func(c *Config) { c.Data.Kind, c.Data.Canvas = "folder", 256 }, "data.dir is empty, want the folder of images"},
		{"canvas missing", func(c *Config) { c.Data.Kind, c.Data.Dir = "folder", "d" }, "data.canvas is 0"},
		{"canvas unwanted", func(c *Config) { c.Data.Canvas = 32 }, "data.canvas is 32"},
		{"unlabeled unwanted", func(c *Config) { c.Data.Unlabeled = true }, "data.unlabeled is true"},
		{"workers", func(c *Config) { c.Data.Workers = -1 }, "data.workers is -1"},
		{"train images", func(c *Config) { c.Data.TrainImages = -1 }, "data.train_images is -1"},
		{"test images", func(c *Config) { c.Data.TestImages = -1 }, "data.test_images is -1"},
		{"views", func(c *Config) { c.Views.Augment.Flip = 2 }, "views.augment.flip is 2, want a probability"},
		{"image size, small stem", func(c *Config) { c.Views.ImageSize = 7 }, "want at least 8 pixels for the small stem"},
		{"image size, imagenet stem", func(c *Config) { c.Encoder.Stem, c.Views.ImageSize = "imagenet", 31 }, "want at least 32 pixels"},
		{"arch", func(c *Config) { c.Encoder.Arch = "resnet101" }, `encoder.arch is "resnet101"`},
		{"stem", func(c *Config) { c.Encoder.Stem = "" }, `encoder.stem is ""`},
		{"head", func(c *Config) { c.Encoder.Head = "MLP" }, `encoder.head is "MLP", want one of linear, mlp`},
		{"precision", func(c *Config) { c.Encoder.Precision = "float16" }, `encoder.precision is "float16"`},
		{"tf32 elsewhere", func(c *Config) { c.Encoder.Precision, c.Engine.Backend = "tf32", "cpu" }, "encoder.precision is tf32, which only the cuda engine has: want float32 or bfloat16 with cpu"},
		{"GPU elsewhere", func(c *Config) { c.Engine.Backend, c.Engine.GPU.Preallocate = "cpu", true }, "engine.backend is cpu, want cuda"},
		{"GPU perhaps", func(c *Config) { c.Engine.GPU.MemoryFraction = 0.5 }, "engine.backend is auto, want cuda"},
		{"GPU twice", cuda(engine.GPU{Devices: []int{1, 1}}), "engine.gpu.devices is [1 1]"},
		{"GPU below 0", cuda(engine.GPU{Devices: []int{-1}}), "engine.gpu.devices is [-1]"},
		{"GPUs of three", cuda(engine.GPU{Devices: []int{0, 1, 2}}), "engine.gpu.devices are 3, want a number that divides moco.groups (8)"},
		{"more devices than GPUs", func(c *Config) { cuda(engine.GPU{Devices: []int{3}})(c); c.Engine.Devices = 2 }, "want at most the 1 of engine.gpu.devices"},
		{"memory fraction", cuda(engine.GPU{MemoryFraction: 1.1}), "engine.gpu.memory_fraction is 1.1"},
		{"memory fraction NaN", cuda(engine.GPU{MemoryFraction: nan}), "engine.gpu.memory_fraction is NaN"},
		{"allocator", cuda(engine.GPU{Allocator: "default"}), `engine.gpu.allocator is "default", want one of bfc, cuda_async, platform`},
		{"allocator without a limit", cuda(engine.GPU{Allocator: "platform", MemoryFraction: 0.5}), "has no memory fraction"},
		{"collective memory", cuda(engine.GPU{CollectiveMemory: -1}), "engine.gpu.collective_memory is -1 MiB"},
		{"remat", func(c *Config) { c.Encoder.Remat = "full" }, `encoder.remat is "full"`},
		{"width", func(c *Config) { c.Encoder.Width = 0 }, "encoder.width is 0"},
		{"dim", func(c *Config) { c.Encoder.Dim = -1 }, "encoder.dim is -1"},
		{"batch", func(c *Config) { c.MoCo.Batch = 0 }, "moco.batch is 0, want above 0"},
		{"groups", func(c *Config) { c.MoCo.Groups = 0 }, "moco.groups is 0"},
		{"too many groups", func(c *Config) { c.MoCo.Groups = 1 << 40 }, "want 1 to 4096"},
		{"batch not divisible", func(c *Config) { c.MoCo.Batch = 100 }, "moco.batch is 100, want a multiple of moco.groups (8) with two images or more in each: try 96 or 112 or 128"},
		{"batch not divisible, no shuffle", func(c *Config) { c.MoCo.Batch, c.MoCo.Shuffle = 100, false }, "try 96 or 104"},
		{"one image a group", func(c *Config) { c.MoCo.Batch = 8 }, "two images or more in each: try 16 or 64"},
		{"nothing to shuffle by", func(c *Config) { c.MoCo.Batch = 8 * 15 }, "in 8 groups of 15, which have no common divisor to shuffle by: try 112 or 128"},
		{"queue", func(c *Config) { c.MoCo.Queue = 127 }, "moco.queue is 127, want at least 128"},
		{"symmetric queue", func(c *Config) { c.MoCo.Symmetric, c.MoCo.Queue = true, 255 }, "want at least 256, the keys of both views"},
		{"key momentum above 1", func(c *Config) { c.MoCo.KeyMomentum = 1.1 }, "moco.key_momentum is 1.1"},
		{"key momentum NaN", func(c *Config) { c.MoCo.KeyMomentum = nan }, "moco.key_momentum is NaN"},
		{"temperature", func(c *Config) { c.MoCo.Temperature = 0 }, "moco.temperature is 0"},
		{"temperature infinite", func(c *Config) { c.MoCo.Temperature = inf }, "moco.temperature is +Inf"},
		{"lr", func(c *Config) { c.Optim.LR = nan }, "optim.lr is NaN"},
		{"momentum", func(c *Config) { c.Optim.Momentum = -0.1 }, "optim.momentum is -0.1"},
		{"weight decay", func(c *Config) { c.Optim.WeightDecay = inf }, "optim.weight_decay is +Inf"},
		{"schedule", func(c *Config) { c.Optim.Schedule = "linear" }, `optim.schedule is "linear"`},
		{"warm-up as long as the run", func(c *Config) { c.Optim.Warmup = 12 }, "want fewer than the 8 of the run"},
		{"warm-up NaN", func(c *Config) { c.Optim.Warmup = nan }, "optim.warmup is NaN"},
		{"no milestones", func(c *Config) { c.Optim.Schedule = "step" }, "optim.milestones is empty"},
		{"milestones unordered", func(c *Config) { c.Optim.Schedule, c.Optim.Milestones = "step", []int{8, 8} }, "ascending epochs from 1"},
		{"milestones unused", func(c *Config) { c.Optim.Milestones = []int{8} }, "want none with optim.schedule cosine"},
		{"knn every", func(c *Config) { c.KNN.Every = -1 }, "knn.every is -1"},
		{"knn ks", func(c *Config) { c.KNN.Ks = nil }, "knn.ks is empty"},
		{"knn ks twice", func(c *Config) { c.KNN.Ks = []int{5, 5} }, "knn.ks is [5 5], want ascending"},
		{"knn ks zero", func(c *Config) { c.KNN.Ks = []int{0, 5} }, "want ascending numbers from 1"},
		{"knn temperature", func(c *Config) { c.KNN.Temperature = nan }, "knn.temperature is NaN"},
		{"knn bank", func(c *Config) { c.KNN.BankImages = -5 }, "knn.bank_images is -5"},
		{"backend", func(c *Config) { c.Engine.Backend = "gpu" }, `engine.backend is "gpu", want one of auto, go, cpu, cuda, tpu`},
		{"devices", func(c *Config) { c.Engine.Devices = 3 }, "engine.devices is 3, want a number that divides moco.groups (8)"},
		{
			"micro-batches of a device's only group", func(c *Config) { c.Engine.Devices, c.MoCo.Micro = 8, 2 },
			"moco.micro is 2, want a divisor of 1, the BatchNorm groups of each of 8 devices: see moco.groups",
		},
		{
			"micro-batches of GPUs", func(c *Config) { cuda(engine.GPU{Devices: []int{0, 1}})(c); c.MoCo.Micro = 8 },
			"moco.micro is 8, want a divisor of 4, the BatchNorm groups of each of 2 devices",
		},
		{"devices negative", func(c *Config) { c.Engine.Devices = -1 }, "engine.devices is -1"},
		{"devices of go", func(c *Config) { c.Engine.Backend, c.Engine.Devices = "go", 2 }, "the go engine has one device"},
		{"plugin of go", func(c *Config) { c.Engine.Backend, c.Engine.Plugin = "go", "x.so" }, "engine.plugin"},
		{"no length", func(c *Config) { c.Run.Epochs = 0 }, "run.epochs and run.steps are both 0"},
		{"epochs", func(c *Config) { c.Run.Epochs = -1 }, "run.epochs is -1"},
		{"steps", func(c *Config) { c.Run.Steps = -1 }, "run.steps is -1"},
		{"checkpoints", func(c *Config) { c.Run.CheckpointEvery = -1 }, "run.checkpoint_every is -1"},
		{"keep", func(c *Config) { c.Run.Keep.Last = 0 }, "run.keep.last is 0"},
		{"keep every", func(c *Config) { c.Run.Keep.Every = -1 }, "run.keep.every is -1"},
		{"log every", func(c *Config) { c.Run.LogEvery = 0 }, "run.log_every is 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Glyphs()
			tt.spoil(&c)
			err := c.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if got := strings.Count(err.Error(), "\n"); got != 0 {
				t.Errorf("%d problems, want 1:\n%v", got+1, err)
			}
		})
	}
}

// TestValidateAllAtOnce: five mistakes are five lines of one error.
func TestValidateAllAtOnce(t *testing.T) {
	c := Glyphs()
	c.Encoder.Arch = "vgg"
	c.MoCo.Batch = 100
	c.MoCo.Temperature = -1
	c.Optim.LR = 0
	c.Run.Epochs = 0
	lines := strings.Split(c.Validate().Error(), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines, want five problems:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for i, field := range []string{"encoder.arch", "moco.batch", "moco.temperature", "optim.lr", "run.epochs"} {
		if !strings.HasPrefix(lines[i], field) {
			t.Errorf("line %d is %q, want %s", i, lines[i], field)
		}
	}
	if err := (Config{}).Validate(); err == nil {
		t.Error("the zero Config validates")
	}
}

func TestValidateData(t *testing.T) {
	steps := func(n int, warmup float64) func(*Config) {
		return func(c *Config) { c.Run.Epochs, c.Run.Steps, c.Optim.Warmup = 0, n, warmup }
	}
	tests := []struct {
		name   string
		images int
		change func(*Config)
		want   string // "" for no error
	}{
		{"enough", 200, func(*Config) {}, ""},
		{"less than a batch", 127, func(*Config) {}, "moco.batch is 128, want at most the 127 training images"},
		{"fewer than k", 150, func(*Config) {}, ""}, // the monitor lowers k, with a note
		{"bank smaller than a batch", 12000, func(c *Config) { c.KNN.BankImages = 100 }, ""},
		{"warm-up within the steps", 1280, steps(15, 1), ""},
		{"as many rows as are read", 1280, func(c *Config) { c.Run.Epochs, c.Run.Steps, c.Run.LogEvery = 0, maxRows, 1 }, ""},
		{"more rows than are read", 1280, func(c *Config) { c.Run.Epochs, c.Run.Steps, c.Run.LogEvery = 0, 2*maxRows+1, 1 }, "run.log_every is 1: metrics.jsonl of 1048577 steps, 10 of an epoch, would be longer than the 256.0 MiB that are read of it, want at least 2"},
		{"rarely logged", 1280, func(c *Config) { c.Run.Epochs, c.Run.Steps, c.Run.LogEvery = 0, 2*maxRows+1, 2 }, ""},
		{"warm-up as long as the steps", 1280, steps(15, 2), "optim.warmup is 2 epochs, want fewer than the 2 that 15 steps take"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Glyphs()
			tt.change(&c)
			err := c.ValidateData(tt.images)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	packed := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(packed, "train"), 0o755), os.WriteFile(filepath.Join(packed, "train", "meta.json"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*Config)
		images int
		want   string // the only warning has this; "" for none
	}{
		{"the default", func(*Config) {}, 12000, ""},
		{"queue as long as the set", func(*Config) {}, 2048, ""},
		{"queue longer", func(*Config) {}, 2047, "queue longer than the data set: 2048 keys for 2047 images"},
		{"shuffle off", func(c *Config) { c.MoCo.Shuffle = false }, 12000, "--shuffle is off"},
		{"frozen keys", func(c *Config) { c.MoCo.KeyMomentum = 1 }, 12000, "leaves the key encoder as it began"},
		{"one group", func(c *Config) { c.MoCo.Groups = 1 }, 12000, "does nothing with one BatchNorm group"},
		{"blur of one pixel", func(c *Config) { c.Views.Augment.SetBlur(0.5); c.Views.ImageSize = 19 }, 12000, "blur does nothing in views of 19 pixels"},
		{"blur of three", func(c *Config) { c.Views.Augment.SetBlur(0.5); c.Views.ImageSize = 20 }, 12000, ""},
		{"gray", func(c *Config) { c.SetChannels(1) }, 12000, "(--channels=3 repeats it)"},
		{"packed gray", func(c *Config) { c.Data.Kind, c.Data.Dir = "folder", packed; c.SetChannels(1) }, 12000, "(the set is packed so: mocotpu data pack without --channels=1 repeats it)"},
		{"one group, no shuffle", func(c *Config) { c.MoCo.Groups, c.MoCo.Shuffle = 1, false }, 12000, "tell a query its key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Glyphs()
			tt.change(&c)
			got := c.Warnings(tt.images)
			if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)) {
				t.Errorf("warnings %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRunLength(t *testing.T) {
	tests := []struct {
		epochs, steps         int
		wantEpochs, wantSteps int
	}{
		{12, 0, 12, 1200},
		{12, 50, 12, 50},
		{12, 5000, 12, 1200},
		{0, 250, 3, 250},
		{0, 300, 3, 300},
	}
	for _, tt := range tests {
		epochs, steps := Run{Epochs: tt.epochs, Steps: tt.steps}.Length(100)
		if epochs != tt.wantEpochs || steps != tt.wantSteps {
			t.Errorf("epochs %d, steps %d: %d epochs, %d steps, want %d, %d",
				tt.epochs, tt.steps, epochs, steps, tt.wantEpochs, tt.wantSteps)
		}
	}
}
