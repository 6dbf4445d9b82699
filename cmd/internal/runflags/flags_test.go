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
