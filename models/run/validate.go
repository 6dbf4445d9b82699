package run

import (
	"math"
	"slices"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Validate returns nil or one [settings.Error] that lists every problem, in the order of the fields. It looks at nothing
// but c and this process's memory, for which see [Config.CheckSize]: see [Config.ValidateData] for what depends on the number of images, and call it again once Devices is known.
func (c Config) Validate() error { return c.validate(limits.Memory()) }

// Validate is [Config.Validate] for a reader of the run, who may have less memory than the machine that wrote it.
func (r Record) Validate() error { return r.validate(mostMemory) }

// validate is Validate in a process that may use so many bytes.
func (c Config) validate(memory int64) error {
	if err := c.checkSize(memory, mostMemory); err != nil {
		return err // arithmetic on such numbers is none
	}
	var p settings.Check
	if c.Preset != "" {
		p.OneOf("preset", c.Preset, PresetNames()...)
	}
	p.Under("data", c.Data.Validate())
	p.Under("", c.Step().Validate())
	if n := c.Data.Channels; n == 0 || n == 1 {
		p.That(c.Encoder.Channels == n && c.Views.Augment.Channels == n, "data.channels", "is %d, {encoder.channels} %d and {views.augment.channels} %d, want one number",
			n, c.Encoder.Channels, c.Views.Augment.Channels)
	}
	p.Under("optim", c.Optim.validate())
	p.That(c.Run.Epochs <= 0 || !(c.Optim.Warmup >= float64(c.Run.Epochs)),
		"optim.warmup", "is %g epochs, want fewer than the %d of the run", c.Optim.Warmup, c.Run.Epochs)
	p.Under("knn", c.KNN.validate())
	p.Under("engine", c.Engine.Validate())
	c.checkEngine(&p)
	p.Under("run", c.Run.validate())
	c.checkExpectations(&p)
	return p.Err()
}

// checkEngine checks what engine and program ask of each other.
func (c Config) checkEngine(p *settings.Check) {
	e := c.Engine
	p.That(c.Encoder.Precision != resnet.TF32 || e.Backend == "cuda" || e.Backend == "auto",
		"encoder.precision", "is tf32, which only the cuda engine has: want float32 or bfloat16 with %s", e.Backend)
	if c.MoCo.Groups <= 0 {
		return
	}
	p.That(e.Devices <= 0 || c.MoCo.Groups%e.Devices == 0, "engine.devices", "is %d, want a number that divides {moco.groups} (%d)",
		e.Devices, c.MoCo.Groups)
	devices := max(1, e.Devices)
	if n := len(e.GPU.Devices); n > 0 && e.Devices == 0 {
		p.That(c.MoCo.Groups%n == 0, "engine.gpu.devices", "are %d, want a number that divides {moco.groups} (%d)", n, c.MoCo.Groups)
		devices = n
	}
	if m := c.MoCo.Micro; m > 1 && c.MoCo.Groups%m == 0 && c.MoCo.Groups%devices == 0 {
		each := c.MoCo.Groups / devices
		p.That(each%m == 0, "moco.micro", "is %d, want a divisor of %d, the BatchNorm groups of each of %d devices: see {moco.groups}", m, each, devices)
	}
}

// Schedules are the values of Optim.Schedule.
var Schedules = []string{"cosine", "cosine-step", "step", "constant"}

// validate lists what is wrong with the settings that are no part of the step.
func (o Optim) validate() error {
	var p settings.Check
	p.That(positive(o.LR), "lr", "is %g, want a number above 0", o.LR)
	p.OneOf("schedule", o.Schedule, Schedules...)
	p.That(o.Warmup >= 0 && !math.IsInf(o.Warmup, 1), "warmup", "is %g, want a number of epochs from 0", o.Warmup)
	if o.Schedule != "step" {
		p.That(len(o.Milestones) == 0, "milestones", "is %v, want none with {schedule} %s", o.Milestones, o.Schedule)
		return p.Err()
	}
	p.That(len(o.Milestones) > 0, "milestones", "is empty, want the epochs at which {schedule} step lowers the rate")
	for i, m := range o.Milestones {
		if m <= 0 || i > 0 && m <= o.Milestones[i-1] {
			p.That(false, "milestones", "is %v, want ascending epochs from 1", o.Milestones)
			break
		}
	}
	return p.Err()
}

func (k KNN) validate() error {
	var p settings.Check
	p.That(k.Every >= 0, "every", "is %d, want 0 (never) or more", k.Every)
	p.That(k.BankImages >= 0, "bank_images", "is %d, want 0 (all) or more", k.BankImages)
	if k.Every == 0 {
		return p.Err()
	}
	p.That(positive(k.Temperature), "temperature", "is %g, want a number above 0", k.Temperature)
	p.That(len(k.Ks) > 0, "ks", "is empty, want numbers of neighbours")
	ascending := slices.IsSorted(k.Ks) && len(slices.Compact(slices.Clone(k.Ks))) == len(k.Ks)
	p.That(ascending && (len(k.Ks) == 0 || k.Ks[0] > 0), "ks", "is %v, want ascending numbers from 1", k.Ks)
	return p.Err()
}

func (r Run) validate() error {
	var p settings.Check
	p.That(r.Epochs >= 0, "epochs", "is %d, want 0 or more", r.Epochs)
	p.That(r.Steps >= 0, "steps", "is %d, want 0 (no limit) or more", r.Steps)
	p.That(r.Epochs != 0 || r.Steps != 0, "epochs", "and {steps} are both 0, want a length")
	p.That(r.Init == "" || r.ResumeFrom == "", "init", "and {resume_from} are both given, want one: what a run goes on from has its weights")
	p.That(r.CheckpointEvery >= 0, "checkpoint_every", "is %d, want 0 (each epoch) or more", r.CheckpointEvery)
	p.That(r.Keep.Last > 0, "keep.last", "is %d, want at least 1 checkpoint", r.Keep.Last)
	if r.Keep.BestBy != "" {
		p.OneOf("keep.best_by", r.Keep.BestBy, BestFigures()...)
	}
	p.That(r.Keep.Every >= 0, "keep.every", "is %d, want 0 (none) or steps", r.Keep.Every)
	p.That(r.LogEvery > 0, "log_every", "is %d, want above 0", r.LogEvery)
	return p.Err()
}

// positive is false for NaN and for infinity, too.
func positive(x float64) bool { return x > 0 && !math.IsInf(x, 1) }

// ValidateData returns a [settings.Error] that lists what nTrain training images make impossible.
func (c Config) ValidateData(nTrain int) error {
	var p settings.Check
	p.That(nTrain >= c.MoCo.Batch, "moco.batch", "is %d, want at most the %d training images", c.MoCo.Batch, nTrain)
	perEpoch := c.StepsPerEpoch(nTrain)
	if perEpoch <= 0 {
		return p.Err()
	}
	epochs, steps := c.Run.Length(perEpoch)
	if c.Run.Epochs == 0 { // else Validate knows
		p.That(!(c.Optim.Warmup >= float64(epochs)), "optim.warmup", "is %g epochs, want fewer than the %d that %d steps take", c.Optim.Warmup, epochs, steps)
	}
	if every := min(c.Run.LogEvery, perEpoch); every > 0 { // each epoch has a row
		p.That(steps/every <= maxRows, "run.log_every", "is %d: %s of %d steps, %d of an epoch, would be longer than the %s that are read of it, want at least %d, or fewer steps",
			c.Run.LogEvery, MetricsFile, steps, perEpoch, limits.Text(maxMetrics), steps/(maxRows+1)+1)
	}
	return p.Err()
}
