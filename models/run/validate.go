package run

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// ErrInvalid marks what [Config.Validate] and [Config.ValidateData] found.
var ErrInvalid = errors.New("invalid configuration")

// choices of the fields that name something, by the flag that sets them.
var choices = map[string][]string{
	"kind":      {"glyphs", "mnist", "emnist", "cifar10", "cifar100", "folder"},
	"split":     {"byclass", "bymerge", "balanced", "letters", "digits", "mnist"},
	"views":     {"v1", "v2", "cifar", "digits", "glyphs"},
	"arch":      {"resnet10", "resnet18", "resnet34", "resnet50"},
	"stem":      {"imagenet", "small"},
	"head":      {"linear", "mlp"},
	"precision": {"float32", "tf32", "bfloat16"},
	"remat":     {"none", "block"},
	"schedule":  {"cosine", "cosine-step", "step", "constant"},
	"backend":   {"auto", "go", "cpu", "cuda", "tpu"},
	"allocator": {"bfc", "cuda_async", "platform"},
}

// Choices lists the values of a field that names something, for help texts and
// completion: kind, split, views, arch, stem, head, precision, remat, schedule,
// backend, allocator or preset. The caller owns the slice, which is nil for other fields.
func Choices(field string) []string {
	if field == "preset" {
		return PresetNames()
	}
	return slices.Clone(choices[field])
}

// smallestImage is where a stem leaves one pixel before the last pooling.
var smallestImage = map[string]int{"small": 8, "imagenet": 32}

// maxGroups bounds the search for batches that work; it is twice the cores of
// the largest TPU v3 pod.
const maxGroups = 4096

// problems collects what is wrong, so that one error names it all.
type problems []error

func (p *problems) check(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func (p *problems) oneOf(field, name, value string) {
	p.check(slices.Contains(choices[name], value),
		"%s is %q, want one of %s", field, value, strings.Join(choices[name], ", "))
}

// Validate returns nil or one error that lists every problem, a line each, in
// the order of the fields; what is too large for this process's memory, see
// [Config.CheckSize], before all else. See [Config.ValidateData] for what depends
// on the number of images, and call it again once Devices is known.
func (c Config) Validate() error {
	var p problems
	if c.checkSize(&p, limits.Memory()); len(p) > 0 {
		return joinProblems("config", p) // arithmetic on such numbers is none
	}
	p.check(c.Preset == "" || slices.Contains(PresetNames(), c.Preset),
		"preset is %q, want one of %s", c.Preset, strings.Join(PresetNames(), ", "))
	validateData(c.Data, &p)
	c.validateViews(&p)
	c.Encoder.validate(&p)
	c.MoCo.validate(&p)
	c.validateOptim(&p)
	c.KNN.validate(&p)
	c.validateEngine(&p)
	c.Run.validate(&p)
	return joinProblems("config", p)
}

// ValidateData returns an error that lists what nTrain training images make
// impossible.
func (c Config) ValidateData(nTrain int) error {
	var p problems
	p.check(nTrain >= c.MoCo.Batch,
		"data has %d training images, want at least one batch of %d: lower moco.batch", nTrain, c.MoCo.Batch)
	bank := nTrain
	if c.KNN.BankImages > 0 {
		bank = min(bank, c.KNN.BankImages)
	}
	if c.KNN.Every > 0 && len(c.KNN.Ks) > 0 {
		k := slices.Max(c.KNN.Ks)
		p.check(k <= bank, "knn.ks has %d, want at most the %d images of the bank", k, bank)
		p.check(bank >= c.MoCo.Batch, "knn.bank_images is %d, want 0 (all) or at least one batch of %d",
			c.KNN.BankImages, c.MoCo.Batch)
	}
	return joinProblems("data", p)
}

// Warnings says what is allowed but probably not meant, for nTrain training
// images: whole sentences for the user.
func (c Config) Warnings(nTrain int) []string {
	var w []string
	m := c.MoCo
	if m.Queue > nTrain {
		w = append(w, fmt.Sprintf("queue longer than the data set: %d keys for %d images, so every image "+
			"is its own negative; lower --queue", m.Queue, nTrain))
	}
	if c.Data.Canvas > 0 && c.Data.Canvas < c.Views.ImageSize {
		w = append(w, fmt.Sprintf("views of %d pixels from a canvas of %d: they hold no more detail than the canvas; "+
			"raise --canvas to %d or more", c.Views.ImageSize, c.Data.Canvas, c.Views.ImageSize))
	}
	switch {
	case m.Groups == 1 && m.Shuffle:
		w = append(w, "--shuffle does nothing with one BatchNorm group; set --bn-groups to 8")
	case m.Groups == 1:
		w = append(w, "one BatchNorm group: the batch's statistics tell a query its key; "+
			"set --bn-groups to 8 and --shuffle")
	case !m.Shuffle:
		w = append(w, "--shuffle is off: the groups' BatchNorm statistics tell a query its key")
	}
	return w
}

func validateData(d dataset.Config, p *problems) {
	p.oneOf("data.kind", "kind", d.Kind)
	switch d.Kind {
	case "emnist":
		p.oneOf("data.split", "split", d.Split)
	default:
		p.check(d.Split == "", "data.split is %q, want none for kind %s", d.Split, d.Kind)
	}
	p.check(d.Kind != "folder" || d.Dir != "", "data.dir is empty, want the folder of images: set --data")
	if d.Kind == "folder" {
		p.check(d.Canvas > 0, "data.canvas is %d, want the side of the canvas in pixels: 256 suits views of 224", d.Canvas)
	} else {
		p.check(d.Canvas == 0 && !d.Unlabeled, "data.canvas is %d and data.unlabeled is %t, want 0 and false: kind %s has images of one size",
			d.Canvas, d.Unlabeled, d.Kind)
	}
	p.check(d.Workers >= 0, "data.workers is %d, want 0 (one for each CPU) or more", d.Workers)
	p.check(d.TrainImages >= 0, "data.train_images is %d, want 0 (all) or more", d.TrainImages)
	p.check(d.TestImages >= 0, "data.test_images is %d, want 0 (all) or more", d.TestImages)
}

func (c Config) validateViews(p *problems) {
	p.oneOf("views.preset", "views", c.Views.Preset)
	smallest, known := smallestImage[c.Encoder.Stem]
	if !known {
		smallest = smallestImage["small"]
	}
	p.check(c.Views.ImageSize >= smallest, "views.image_size is %d, want at least %d pixels for the %s stem",
		c.Views.ImageSize, smallest, c.Encoder.Stem)
}

func (e Encoder) validate(p *problems) {
	p.oneOf("encoder.arch", "arch", e.Arch)
	p.oneOf("encoder.stem", "stem", e.Stem)
	p.oneOf("encoder.head", "head", e.Head)
	p.oneOf("encoder.precision", "precision", e.Precision)
	p.oneOf("encoder.remat", "remat", e.Remat)
	p.check(e.Width > 0, "encoder.width is %d, want above 0", e.Width)
	p.check(e.Dim > 0, "encoder.dim is %d, want above 0", e.Dim)
}

func (m MoCo) validate(p *problems) {
	p.check(m.Batch > 0, "moco.batch is %d, want above 0", m.Batch)
	p.check(m.Groups > 0 && m.Groups <= maxGroups, "moco.groups is %d, want 1 to %d", m.Groups, maxGroups)
	if m.Batch > 0 && m.Groups > 0 && m.Groups <= maxGroups {
		m.validateGroups(p)
	}
	keys, why := m.Batch, "the batch"
	if m.Symmetric {
		keys, why = 2*m.Batch, "the keys of both views"
	}
	p.check(m.Queue > 0 && m.Queue >= keys, "moco.queue is %d, want at least %d, %s", m.Queue, keys, why)
	p.check(m.KeyMomentum >= 0 && m.KeyMomentum < 1, "moco.key_momentum is %g, want at least 0 and below 1", m.KeyMomentum)
	p.check(m.Temperature >= 1e-4 && m.Temperature <= 1e4, "moco.temperature is %g, want 0.0001 to 10000", m.Temperature)
}

func (m MoCo) validateGroups(p *problems) {
	if m.Batch%m.Groups != 0 || m.Batch < 2*m.Groups {
		p.check(false, "moco.batch is %d, want a multiple of moco.groups (%d) with two images or more in each: try %s",
			m.Batch, m.Groups, orList(m.nearestBatches()))
		return
	}
	p.check(!m.Shuffle || m.Groups == 1 || shuffleSetSize(m.Groups, m.Batch) > 1,
		"moco.batch is %d in %d groups of %d, which have no common divisor to shuffle by: try %s",
		m.Batch, m.Groups, m.Batch/m.Groups, orList(m.nearestBatches()))
}

// shuffleSetSize is s, the number of groups that exchange images in Shuffling
// BN: the largest number that divides both the groups and the images of one. All
// groups do if it equals groups; none if it is 1. batch is a multiple of groups.
func shuffleSetSize(groups, batch int) int {
	a, b := groups, batch/groups
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// nearestBatches returns the nearest usable batch on either side of m.Batch,
// and the nearest in which every group exchanges images with every other.
func (m MoCo) nearestBatches() []int {
	g := m.Groups
	usable := func(n int) bool {
		return n >= 2*g && (!m.Shuffle || g == 1 || shuffleSetSize(g, n) > 1)
	}
	var found []int
	lower := m.Batch / g * g
	for n := lower; n > 0; n -= g {
		if usable(n) {
			found = append(found, n)
			break
		}
	}
	for n := lower + g; ; n += g {
		if usable(n) {
			found = append(found, n)
			break
		}
	}
	if m.Shuffle && g > 1 {
		full := max(1, int(math.Round(float64(m.Batch)/float64(g*g)))) * g * g
		found = append(found, full)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (c Config) validateOptim(p *problems) {
	o := c.Optim
	p.check(positive(o.LR), "optim.lr is %g, want a number above 0", o.LR)
	p.check(o.Momentum >= 0 && o.Momentum < 1, "optim.momentum is %g, want at least 0 and below 1", o.Momentum)
	p.check(o.WeightDecay >= 0 && o.WeightDecay <= 1, "optim.weight_decay is %g, want 0 to 1", o.WeightDecay)
	p.oneOf("optim.schedule", "schedule", o.Schedule)
	p.check(o.Warmup >= 0 && !math.IsInf(o.Warmup, 1), "optim.warmup is %g, want a number of epochs from 0", o.Warmup)
	p.check(c.Run.Epochs <= 0 || !(o.Warmup >= float64(c.Run.Epochs)),
		"optim.warmup is %g epochs, want fewer than the %d of the run", o.Warmup, c.Run.Epochs)
	if o.Schedule != "step" {
		p.check(len(o.Milestones) == 0, "optim.milestones is %v, want none with schedule %s", o.Milestones, o.Schedule)
		return
	}
	p.check(len(o.Milestones) > 0, "optim.milestones is empty, want the epochs at which schedule step lowers the rate")
	for i, m := range o.Milestones {
		p.check(m > 0 && (i == 0 || m > o.Milestones[i-1]), "optim.milestones is %v, want ascending epochs from 1", o.Milestones)
	}
}

func (k KNN) validate(p *problems) {
	p.check(k.Every >= 0, "knn.every is %d, want 0 (never) or more", k.Every)
	p.check(k.BankImages >= 0, "knn.bank_images is %d, want 0 (all) or more", k.BankImages)
	if k.Every == 0 {
		return
	}
	p.check(positive(k.Temperature), "knn.temperature is %g, want a number above 0", k.Temperature)
	p.check(len(k.Ks) > 0, "knn.ks is empty, want numbers of neighbours")
	ascending := slices.IsSorted(k.Ks) && len(slices.Compact(slices.Clone(k.Ks))) == len(k.Ks)
	p.check(ascending && (len(k.Ks) == 0 || k.Ks[0] > 0), "knn.ks is %v, want ascending numbers from 1", k.Ks)
}

func (c Config) validateEngine(p *problems) {
	e := c.Engine
	p.oneOf("engine.backend", "backend", e.Backend)
	p.check(e.Devices >= 0, "engine.devices is %d, want 0 (automatic) or more", e.Devices)
	p.check(e.Backend != "go" || e.Devices <= 1, "engine.devices is %d, want 1: the go engine has one device", e.Devices)
	p.check(e.Backend != "go" || e.Plugin == "", "engine.plugin is %q, want none for the go engine", e.Plugin)
	p.check(e.Backend != "auto" || e.Plugin == "", "engine.backend is auto, want the engine that plugin %s is of", e.Plugin)
	p.check(c.Encoder.Precision != "tf32" || e.Backend == "cuda" || e.Backend == "auto",
		"encoder.precision is tf32, which only the cuda engine has: want float32 or bfloat16 with %s", e.Backend)
	if e.Devices > 0 && c.MoCo.Groups > 0 {
		p.check(c.MoCo.Groups%e.Devices == 0, "engine.devices is %d, want a number that divides moco.groups (%d)",
			e.Devices, c.MoCo.Groups)
	}
	e.GPU.validate(p, e)
	if n := len(e.GPU.Devices); n > 0 && e.Devices == 0 && c.MoCo.Groups > 0 {
		p.check(c.MoCo.Groups%n == 0, "engine.gpu.devices are %d, want a number that divides moco.groups (%d)", n, c.MoCo.Groups)
	}
}

func (g GPU) validate(p *problems, e Engine) {
	set := len(g.Devices) > 0 || g.MemoryFraction != 0 || g.Preallocate || g.Allocator != "" || g.CollectiveMemory != 0
	p.check(!set || e.Backend == "cuda", "engine.gpu is for backend cuda, got %s: set --backend=cuda, or leave the options of GPUs out", e.Backend)
	once := slices.Compact(slices.Sorted(slices.Values(g.Devices)))
	p.check(len(once) == len(g.Devices) && (len(once) == 0 || once[0] >= 0),
		"engine.gpu.devices is %v, want CUDA's numbers of the GPUs, from 0, each once", g.Devices)
	p.check(len(g.Devices) == 0 || e.Devices <= len(g.Devices), "engine.devices is %d, want at most the %d of engine.gpu.devices",
		e.Devices, len(g.Devices))
	p.check(g.MemoryFraction >= 0 && g.MemoryFraction <= 1, "engine.gpu.memory_fraction is %g, want above 0, at most 1, or 0 for the default",
		g.MemoryFraction)
	if g.Allocator != "" {
		p.oneOf("engine.gpu.allocator", "allocator", g.Allocator)
	}
	p.check(g.Allocator != "platform" || g.MemoryFraction == 0 && !g.Preallocate,
		"engine.gpu.allocator is platform, which has no memory fraction and does not preallocate: want bfc or cuda_async with them")
	p.check(g.CollectiveMemory >= 0 && g.CollectiveMemory <= 1<<30, "engine.gpu.collective_memory is %d MiB, want 0 (none) to 2^30", g.CollectiveMemory)
}

func (r Run) validate(p *problems) {
	p.check(r.Epochs >= 0, "run.epochs is %d, want 0 or more", r.Epochs)
	p.check(r.Steps >= 0, "run.steps is %d, want 0 (no limit) or more", r.Steps)
	p.check(r.Epochs != 0 || r.Steps != 0, "run.epochs and run.steps are both 0, want a length")
	p.check(r.CheckpointEvery >= 0, "run.checkpoint_every is %d, want 0 (each epoch) or more", r.CheckpointEvery)
	p.check(r.Keep.Last > 0, "run.keep.last is %d, want at least 1 checkpoint", r.Keep.Last)
	p.check(r.Keep.Every >= 0, "run.keep.every is %d, want 0 (none) or steps", r.Keep.Every)
	p.check(r.LogEvery > 0, "run.log_every is %d, want above 0", r.LogEvery)
}

// positive is false for NaN and for infinity, too.
func positive(x float64) bool { return x > 0 && !math.IsInf(x, 1) }

func orList(ns []int) string {
	words := make([]string, len(ns))
	for i, n := range ns {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words, " or ")
}

// joinProblems returns nil for none.
func joinProblems(what string, p problems) error {
	if len(p) == 0 {
		return nil
	}
	return invalid{fmt.Errorf("run: %s cannot be used:\n%w", what, errors.Join(p...))}
}

// invalid is an error that is [ErrInvalid], which need not stand in its text.
type invalid struct{ error }

func (invalid) Is(target error) bool { return target == ErrInvalid }
