package runflags

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// resolve makes the configuration of the flags, as a command does.
func resolve(args ...string) (run.Config, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f := Add(flags)
	if err := flags.Parse(args); err != nil {
		return run.Config{}, err
	}
	return f.Resolve(flags)
}

// resolved is the configuration that the flags make.
func resolved(t *testing.T, args ...string) run.Config {
	t.Helper()
	c, err := resolve(args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return c
}

// Another schedule than the preset's step leaves its milestones behind.
func TestScheduleWithoutMilestones(t *testing.T) {
	if c := resolved(t, "--preset=moco-v1", "--data=cifar10"); len(c.Optim.Milestones) != 2 {
		t.Errorf("milestones %v, want the preset's two", c.Optim.Milestones)
	}
	c := resolved(t, "--preset=moco-v1", "--data=cifar10", "--schedule=cosine")
	if c.Optim.Schedule != "cosine" || len(c.Optim.Milestones) != 0 {
		t.Errorf("schedule %s with milestones %v, want cosine without", c.Optim.Schedule, c.Optim.Milestones)
	}
}

// One-letter forms set what the long ones do.
func TestLetters(t *testing.T) {
	c := resolved(t, "--preset=imagenet-mini", "-b", "64", "-j3", "-a=resnet34")
	if c.MoCo.Batch != 64 || c.Data.Workers != 3 || c.Encoder.Arch != "resnet34" {
		t.Errorf("batch %d, workers %d, arch %s, want 64, 3 and resnet34", c.MoCo.Batch, c.Data.Workers, c.Encoder.Arch)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	Add(flags)
	for name, letter := range letters {
		if f := flags.ShorthandLookup(letter); f == nil || f.Name != name {
			t.Errorf("-%s is %v, want --%s", letter, f, name)
		}
	}
}

// The devices of a run belong to its engine.
func TestAnotherEngineHasItsOwnDevices(t *testing.T) {
	dir := t.TempDir()
	c := resolved(t, "--preset=glyphs", "--backend=cpu", "--devices=8")
	saved, err := run.OpenDir(durable.Disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	if err := saved.SaveRecord(run.Record{Config: c}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args    []string
		devices int
	}{
		{nil, 8},
		{[]string{"--backend=cpu"}, 8},
		{[]string{"--backend=go"}, 0},
		{[]string{"--backend=cuda", "--devices=4"}, 4},
	} {
		if c := resolved(t, append(test.args, "--dir="+dir)...); c.Engine.Devices != test.devices {
			t.Errorf("%v: %d devices, want %d", test.args, c.Engine.Devices, test.devices)
		}
	}
}

// TestNoPluginFromARun has a run that was trained with a plugin go on without opening it: a plugin is code. One that is
// given is taken.
func TestNoPluginFromARun(t *testing.T) {
	dir := t.TempDir()
	c := resolved(t, "--preset=glyphs", "--backend=cpu", "--plugin=/mine.so")
	if c.Engine.Plugin != "/mine.so" {
		t.Fatalf("plugin %q, want the one that was given", c.Engine.Plugin)
	}
	saved, err := run.OpenDir(durable.Disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	if err := saved.SaveRecord(run.Record{Config: c}); err != nil {
		t.Fatal(err)
	}
	if c := resolved(t, "--dir="+dir); c.Engine.Plugin != "" || c.Engine.Backend != "cpu" {
		t.Errorf("engine %+v, want the run's without its plugin", c.Engine)
	}
	if c := resolved(t, "--dir="+dir, "--plugin=/other.so"); c.Engine.Plugin != "/other.so" {
		t.Errorf("plugin %q, want the one that was given", c.Engine.Plugin)
	}
}

// --preset=auto chooses for the images, and for the batch that was given; other flags stand above what it chose.
func TestAuto(t *testing.T) {
	c := resolved(t, "--preset=auto")
	if want := run.Auto(); len(run.Diff(c, want)) > 0 {
		t.Errorf("the glyphs have %q", run.Diff(want, c))
	}
	c = resolved(t, "--preset=auto", "--batch=64", "--train-images=3000")
	if c.MoCo.Batch != 64 || c.MoCo.Queue != 512 || c.Optim.LR != 0.03 || c.Data.TrainImages != 3000 {
		t.Errorf("batch %d, queue %d, lr %v of %d images, want 64, 512, 0.03, 3000", c.MoCo.Batch, c.MoCo.Queue, c.Optim.LR, c.Data.TrainImages)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f := Add(flags)
	if err := flags.Parse([]string{"--preset=auto", "--queue=1000", "--views=v2", "--train-images=6400"}); err != nil {
		t.Fatal(err)
	}
	c, err := f.Resolve(flags)
	if err != nil || c.MoCo.Queue != 1000 || c.Views.Preset != "v2" || c.Views.Augment.Flip != 0.5 || c.MoCo.KeyMomentum != 0.99 {
		t.Errorf("queue %d, views %s: %v, want those given", c.MoCo.Queue, c.Views.Preset, err)
	}
	for _, choice := range f.Chosen {
		if choice.Flag == "queue" || choice.Flag == "crop" || choice.Flag == "flip" {
			t.Errorf("%+v is said to be chosen", choice)
		}
	}
}
