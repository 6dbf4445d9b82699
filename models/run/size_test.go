package run

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

const gib = 1 << 30

// TestCheckSize has numbers that no machine can hold named with the bytes they would take, and what a machine can hold
// taken: on 24 GiB, and on 2.
func TestCheckSize(t *testing.T) {
	for _, tt := range []struct {
		name, preset string
		memory       int64
		set          func(*Config)
		want         []string // nothing: it fits
	}{
		{"the default", "glyphs", 2 * gib, func(*Config) {}, nil},
		{"ResNet-50", "moco-v2", 2 * gib, func(c *Config) { c.Data.Dir = "d" }, nil},
		{"a ResNet-50 on a microcontroller", "moco-v2", 1 << 26, func(*Config) {}, []string{"encoder.width is 64", "at least"}},
		{"dim that overflows", "glyphs", 24 * gib, func(c *Config) { c.Encoder.Dim = 1 << 62 }, []string{"encoder.dim 4611686018427387904", "at least 8.0 EiB"}},
		{"dim", "glyphs", 24 * gib, func(c *Config) { c.Encoder.Dim = 1e9 }, []string{"encoder.dim", "1.4 TiB", "24.0 GiB"}},
		{"width", "glyphs", 24 * gib, func(c *Config) { c.Encoder.Width = 1e6 }, []string{"encoder.width", "PiB"}},
		{"width that overflows", "glyphs", 24 * gib, func(c *Config) { c.Encoder.Width = math.MaxInt }, []string{"encoder.width"}},
		{"a queue that a large machine can hold", "glyphs", 24 * gib, func(c *Config) { c.MoCo.Queue = 30_000_000 }, nil},
		{"the same on the CPU, with its copy and logits", "glyphs", 24 * gib, func(c *Config) { c.MoCo.Queue, c.Engine.Backend = 30_000_000, "cpu" }, []string{"moco.queue", "the keys and a batch's logits take", "42.9 GiB"}},
		{"the same read anywhere", "glyphs", mostMemory, func(c *Config) { c.Encoder.Width = 1e6 }, []string{"encoder.width", "and no machine has more than 1.0 PiB"}},
		{"the same on a smaller one", "glyphs", 8 * gib, func(c *Config) { c.MoCo.Queue = 30_000_000 }, []string{"moco.queue", "14.3 GiB", "8.0 GiB"}},
		{"queue and encoder together", "moco-v2", gib, func(c *Config) { c.MoCo.Queue = 1_800_000 }, []string{"moco.queue is 1800000 and encoder.width"}},
		{"batch", "glyphs", 24 * gib, func(c *Config) { c.MoCo.Batch, c.MoCo.Queue = 1e9, 1e9 }, []string{"moco.batch", "2.8 TiB"}},
		{"batch that overflows", "glyphs", 24 * gib, func(c *Config) { c.MoCo.Batch = math.MaxInt }, []string{"moco.batch"}},
		{"workers", "moco-v2", 24 * gib, func(c *Config) { c.Data.Workers = 1e9 }, []string{"data.workers", "TiB"}},
		{"canvas", "moco-v2", 24 * gib, func(c *Config) { c.Data.Canvas = 1e9 }, []string{"data.canvas"}},
		{"views", "glyphs", 24 * gib, func(c *Config) { c.Views.ImageSize = 1e9 }, []string{"views.image_size"}},
		{"views on the CPU", "glyphs", 24 * gib, func(c *Config) { c.Views.ImageSize, c.Engine.Backend = 1e5, "cpu" }, []string{"views.image_size"}},
		{"two views of a batch", "glyphs", 8 * gib, func(c *Config) { c.Views.ImageSize, c.Engine.Backend = 2500, "cpu" }, []string{"moco.batch is 128 and views.image_size 2500: the two views of a batch take at least 17.9 GiB"}},
		{"a view of a micro-batch", "glyphs", 8 * gib, func(c *Config) { c.Views.ImageSize, c.Engine.Backend, c.MoCo.Micro = 2500, "cpu", 8 }, nil},
		{"a view of a micro-batch on less", "glyphs", gib, func(c *Config) { c.Views.ImageSize, c.Engine.Backend, c.MoCo.Micro = 2500, "cpu", 8 }, []string{"a view of a micro-batch takes at least 1.1 GiB"}},
		{"glyphs", "glyphs", 24 * gib, func(c *Config) { c.Data.TrainImages = 1e12 }, []string{"1048576 glyphs"}},
		{"epochs", "glyphs", 24 * gib, func(c *Config) { c.Run.Epochs = math.MaxInt }, []string{"run.epochs"}},
		{"steps", "glyphs", 24 * gib, func(c *Config) { c.Run.Steps = math.MaxInt }, []string{"run.steps"}},
		{"what takes no memory", "glyphs", 24 * gib, func(c *Config) { c.Run.Keep = checkpoint.Keep{Last: 1, Every: math.MaxInt} }, []string{"run.keep.every is"}},
		{"in a list", "glyphs", 24 * gib, func(c *Config) { c.KNN.Ks = []int{1, math.MaxInt} }, []string{"knn.ks[1] is"}},
		{"negative", "glyphs", 24 * gib, func(c *Config) { c.MoCo.Queue, c.Encoder.Dim, c.Encoder.Width = math.MinInt, -1, -1 }, []string{"moco.queue is -9"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Preset(tt.preset)
			if err != nil {
				t.Fatal(err)
			}
			tt.set(&c)
			err = c.CheckSize(tt.memory)
			if len(tt.want) == 0 {
				if err != nil {
					t.Errorf("error %v, want none", err)
				}
				return
			}
			if !errors.Is(err, settings.ErrInvalid) {
				t.Fatalf("error %v, want settings.ErrInvalid", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q in it", err, want)
				}
			}
		})
	}
}

// TestEveryNumberIsChecked sets each integer of a configuration to the largest there is: validation ends, at once and
// without a panic, with an error for all but the seeds, which may be any.
func TestEveryNumberIsChecked(t *testing.T) {
	for _, preset := range PresetNames() {
		c, err := Preset(preset)
		if err != nil {
			t.Fatal(err)
		}
		eachInt(reflect.ValueOf(&c).Elem(), func(v reflect.Value, name string) {
			for _, extreme := range []int64{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 / 2, math.MinInt64} {
				old := v.Int()
				v.SetInt(extreme)
				if err := c.Validate(); err == nil {
					t.Errorf("%s: %s is %d: no error", preset, name, extreme)
				}
				v.SetInt(old)
			}
		})
	}
}

func eachInt(v reflect.Value, use func(v reflect.Value, name string)) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			eachInt(f, use)
		case reflect.Int:
			use(f, v.Type().Field(i).Name)
		}
	}
}
