package run

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// Arguments returns the arguments of `mocotpu train` that turn the preset into this configuration. It leaves out what does not
// change the training: the machine, paths, and what is measured on the way. A folder of images is given by the last part of its
// path. flagOf returns the flag, without dashes, for a field named as in config.json, or "".
func (c Config) Arguments(flagOf func(field string) string) []string {
	base, err := Preset(c.Preset)
	switch {
	case err != nil:
		base, _ = Preset(DefaultPreset)
	case c.Preset == AutoPreset: // of other images it makes another configuration
		side := smallSide
		if c.Encoder.Stem == resnet.StemImageNet {
			side++
		}
		base, _ = nearest(c.Data, Facts{Side: side})
	}
	own := base.Data.Channels
	base.SetChannels(c.Data.Channels) // with which --channels sets the rest
	base.Data.Channels = own
	args := []string{"--preset=" + base.Preset}
	switch {
	case c.Data.Kind == "folder" && c.Data.Dir != base.Data.Dir:
		args = append(args, "--data="+filepath.Base(c.Data.Dir))
	case c.Data.Name() != base.Data.Name():
		args = append(args, "--data="+c.Data.Name())
	}
	ofImages := []string{"data.train_images", "data.channels", "data.window"}
	if c.Data.Kind == "folder" {
		ofImages = append(ofImages, "data.canvas")
	}
	shaping := []string{"run.epochs", "run.steps", "run.init", "run.resume_from"} // of those that may change
	for _, d := range differences(base, c) {
		flag := flagOf(d.field)
		if flag == "" || strings.HasPrefix(d.field, "data.") && !slices.Contains(ofImages, d.field) || isHarmless(d.field) && !slices.Contains(shaping, d.field) {
			continue
		}
		value := argument(d.now)
		if d.field == "run.init" || d.field == "run.resume_from" {
			value = filepath.Base(value)
		}
		args = append(args, "--"+flag+"="+value)
	}
	return args
}

// argument is a value as a flag takes it.
func argument(v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	words := make([]string, v.Len())
	for i := range words {
		words[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return strings.Join(words, ",")
}
