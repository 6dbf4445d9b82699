package run

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// What the step is made of is compared, and nothing else.
func TestCheckProgram(t *testing.T) {
	compiled := must.M1(json.Marshal(CIFAR10()))
	for name, test := range map[string]struct {
		change func(*Config)
		want   string // "" for none
	}{
		"nothing":  {func(*Config) {}, ""},
		"a queue":  {func(c *Config) { c.MoCo.Queue = 8192 }, "moco.queue is 8192, and the program was compiled with 4096"},
		"a width":  {func(c *Config) { c.Encoder.Width = 8 }, "encoder.width is 8"},
		"a decay":  {func(c *Config) { c.Optim.WeightDecay = 0 }, "optim.weight_decay is 0"},
		"views":    {func(c *Config) { c.Views.Augment.Gray = 0.5 }, "views.augment.gray is 0.5"},
		"a canvas": {func(c *Config) { c.Data.Kind, c.Data.Canvas = "folder", 256 }, "data.kind has images of 256 x 256 x 3, and the program was compiled for 32 x 32 x 3"},
		"what no step depends on": {func(c *Config) {
			c.Run.Epochs, c.Optim.LR, c.Run.Seed, c.KNN.Every, c.Data.TrainImages, c.Engine.Devices, c.Views.Preset = 1, 1, 1, 1, 1, 8, "mine"
		}, ""},
	} {
		asked := CIFAR10()
		test.change(&asked)
		err := CheckProgram(compiled, asked)
		if (err == nil) != (test.want == "") || err != nil && (!errors.Is(err, settings.ErrInvalid) || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	for _, source := range []string{"", "null", "{}", "[1]", `{"moco":{"queue":1e400}}`} {
		if err := CheckProgram([]byte(source), CIFAR10()); !errors.Is(err, settings.ErrInvalid) {
			t.Errorf("%q: got %v, want an ErrInvalid", source, err)
		}
	}
}
