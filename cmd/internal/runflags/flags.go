// Package runflags are the flags that describe a run, the same in every command that takes a configuration: declared in the
// groups in which help shows them, put onto a preset or the configuration of a run that goes on, and named in messages
// about what is wrong with it.
package runflags

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/doctor"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Config is the configuration that a command's flags describe.
type Config struct {
	preset string
	dir    string
	data   string
	config run.Config // bound to the flags; holds the default preset's values until they are parsed
	// Backend is the engine that the command is for where --backend is not given, "" for that of the preset or the run.
	Backend string
	// Chosen are the settings that --preset=auto chose for the images, without those that other flags set.
	Chosen []run.Choice
}

// Add declares the flags, with the defaults of the default preset.
func Add(flags *pflag.FlagSet) *Config {
	f := &Config{}
	f.config, _ = run.Preset(run.DefaultPreset) // the default preset exists
	flags.SortFlags = false
	flags.StringVar(&f.preset, "preset", run.DefaultPreset, "settings to start from: "+strings.Join(run.PresetNames(), ", "))
	flags.StringVar(&f.dir, "dir", "", "run directory; one of an earlier run goes on from there (default runs/<preset>-<time>)")
	flags.StringVar(&f.data, "data", "", "data set ("+strings.Join(dataset.Kinds, ", ")+", emnist/<split>), or the folder of the preset's files or of your own images")
	SetGroup(flags, GroupFirst, "preset", "dir", "data")
	bindConfig(flags, &f.config)
	return f
}

// Resolve makes the configuration: that of the run in --dir or of the preset, with the flags given set on top.
func (f *Config) Resolve(flags *pflag.FlagSet) (run.Config, error) {
	c, err := f.base(flags.Changed("preset"))
	if err != nil {
		return c, err
	}
	backend := f.Backend
	if flags.Changed("backend") {
		backend = flags.Lookup("backend").Value.String()
	}
	if backend != "" && backend != c.Engine.Backend {
		c.Engine.Backend, c.Engine.Devices, c.Engine.GPU = backend, 0, engine.GPU{} // so many, and those, were meant for the other engine
	}
	auto := flags.Changed("preset") && f.preset == run.AutoPreset
	if f.data != "" {
		if err := setData(&c.Data, f.data, auto); err != nil {
			return c, err
		}
	}
	if err := set(flags, &c); err != nil {
		return c, err
	}
	if auto {
		if c, err = f.fit(flags, c); err != nil {
			return c, err
		}
	}
	if c.Optim.Schedule != "step" && flags.Changed("schedule") && !flags.Changed("milestones") {
		c.Optim.Milestones = nil // the preset's schedule had them
	}
	c.SetChannels(c.Data.Channels)
	c.Run.Dir = f.dir
	if err := c.Validate(); err != nil {
		return c, err
	}
	return c, nil
}

// fit is the configuration of --preset=auto for the data of c, with the flags given set on top.
func (f *Config) fit(flags *pflag.FlagSet, c run.Config) (run.Config, error) {
	if err := c.Data.Validate(); err != nil {
		return c, err
	}
	facts, err := doctor.Look(context.Background(), c.Data)
	if err != nil {
		return c, err
	}
	if flags.Changed("batch") {
		facts.Batch = c.MoCo.Batch
	}
	if flags.Changed("bn-groups") {
		facts.Groups = c.MoCo.Groups
	}
	if slices.ContainsFunc([]string{"channels", "init", "resume-from"}, flags.Changed) {
		facts.Gray = false // the user has chosen, or the weights have
	}
	if c, f.Chosen, err = run.Fit(c.Data, facts); err != nil {
		return c, err
	}
	f.Chosen = slices.DeleteFunc(f.Chosen, func(choice run.Choice) bool {
		ofViews := choice.Flag == "crop" || choice.Flag == "flip"
		return choice.Flag != "preset" && (flags.Changed(choice.Flag) || ofViews && flags.Changed(viewsFlag))
	})
	err = set(flags, &c)
	return c, err
}

// set sets the fields of a configuration that have been given as flags.
func set(flags *pflag.FlagSet, c *run.Config) (err error) {
	onto := pflag.NewFlagSet("", pflag.ContinueOnError)
	bindConfig(onto, c)
	if err := setViews(onto, flags); err != nil {
		return err
	}
	flags.Visit(func(given *pflag.Flag) {
		target := onto.Lookup(given.Name)
		if target == nil || given.Name == viewsFlag {
			return
		}
		if from, ok := given.Value.(pflag.SliceValue); ok {
			err = errors.Join(err, target.Value.(pflag.SliceValue).Replace(from.GetSlice()))
			return
		}
		err = errors.Join(err, target.Value.Set(given.Value.String()))
	})
	return err
}

func (f *Config) base(presetGiven bool) (run.Config, error) {
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

// setData takes what --data names: see [dataset.Config.With].
func setData(d *dataset.Config, value string, auto bool) (err error) {
	_, named := dataset.Named(value)
	if near := settings.Nearest(value, dataset.Kinds); !named && near != "" {
		if _, err := os.Stat(value); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("--data %s: there is no such folder; did you mean %s?", value, near)
		}
	}
	if !named && d.Kind == "glyphs" && !auto {
		return fmt.Errorf("--data %s: the preset's glyphs are drawn and have no files: to train on images of your own, "+
			"take --preset=auto, moco-v2 or imagenet-mini as well", value)
	}
	*d, err = d.With(value, "")
	return err
}
