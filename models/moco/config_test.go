package moco

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// badViews is a Viewer whose configuration is wrong.
type badViews struct{ affine }

func (badViews) Validate() error { return errors.New("views: bad") }

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Step)
		want   []string // all of them in the error; none: valid
	}{
		{"tiny", func(*Step) {}, nil},
		{"queue as long as the batch", func(c *Step) { c.Queue = 16 }, nil},
		{"queue no multiple of the batch", func(c *Step) { c.Queue = 17 }, nil},
		{"queue shorter than the batch", func(c *Step) { c.Queue = 15 }, []string{"moco.queue is 15", "16"}},
		{"symmetric queue", func(c *Step) { c.Queue, c.Symmetric = 32, true }, nil},
		{"symmetric queue too short", func(c *Step) { c.Queue, c.Symmetric = 31, true }, []string{"moco.queue is 31", "32"}},
		{"momentum at the ends", func(c *Step) { c.KeyMomentum, c.SGDMomentum = 1, 0 }, nil},
		{"no averaging", func(c *Step) { c.KeyMomentum = 0 }, nil},
		{"momentum that never ends", func(c *Step) { c.SGDMomentum = 1 }, []string{"optim.momentum is 1"}},
		{"NaN momentum", func(c *Step) { c.KeyMomentum = math.NaN() }, []string{"moco.key_momentum is NaN"}},
		{"temperature", func(c *Step) { c.Temperature = 0 }, []string{"moco.temperature is 0"}},
		{"infinite temperature", func(c *Step) { c.Temperature = math.Inf(1) }, []string{"moco.temperature is +Inf"}},
		{"groups", func(c *Step) { c.Groups = 3 }, []string{"moco.batch is 16, want a multiple of moco.groups (3)"}},
		{"no groups", func(c *Step) { c.Groups = 0 }, []string{"moco.groups is 0"}},
		{"no batch", func(c *Step) { c.Batch = 0 }, []string{"moco.batch is 0"}},
		{"part of the groups", func(c *Step) { c.Groups = 8 }, nil},
		{"nothing to shuffle", func(c *Step) { c.Batch, c.Groups = 15, 5 }, []string{"no common divisor", "try 25"}},
		{"nothing to shuffle, not asked to", func(c *Step) { c.Batch, c.Groups, c.Shuffle = 15, 5, false }, nil},
		{"one image in a group", func(c *Step) { c.Groups, c.Shuffle = 16, false }, []string{"two images or more in each"}},
		{"one group", func(c *Step) { c.Groups = 1 }, nil},
		{"micro-batches", func(c *Step) { c.Micro = 2 }, nil},
		{"a group each", func(c *Step) { c.Micro = c.Groups }, nil},
		{"parts of a group", func(c *Step) { c.Micro = 8 }, []string{"moco.micro is 8, want a number that divides moco.groups (4)"}},
		{"negative micro-batches", func(c *Step) { c.Micro = -1 }, []string{"moco.micro is -1, want 0 (the whole batch at once) or more"}},
		{"no head", func(c *Step) { c.Encoder.Head, c.Encoder.Dim = resnet.HeadNone, 0 }, []string{"encoder.head is none", "linear", "mlp"}},
		{"views", func(c *Step) { c.Views = badViews{} }, []string{"views.augment views: bad"}},
		{"everything", func(c *Step) {
			*c = Step{Config: Config{KeyMomentum: 2}, SGDMomentum: -1, WeightDecay: -1}
		}, []string{
			"encoder.arch", "encoder.stem", "encoder.head", "encoder.precision", "encoder.remat", "encoder.width", "encoder.dim",
			"views is missing", "views.image_size", "moco.batch", "moco.queue", "moco.groups", "moco.key_momentum",
			"moco.temperature", "optim.momentum", "optim.weight_decay",
		}},
	}
	for _, test := range tests {
		c := tiny()
		test.change(&c)
		err := c.Validate()
		if (err == nil) != (test.want == nil) {
			t.Errorf("%s: error %v, want one: %v", test.name, err, test.want != nil)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q, want %q in it", test.name, err, want)
			}
		}
	}
}

// Every batch that the advice names works, and the last of them shuffles over all groups.
func TestUsableBatches(t *testing.T) {
	for groups := 2; groups <= 16; groups++ {
		for batch := 1; batch <= 600; batch++ {
			c := Config{Batch: batch, Groups: groups, Shuffle: true}
			full := false
			for _, n := range c.usableBatches() {
				if !c.usable(n) {
					t.Errorf("batch %d in %d groups: %d is advised and not usable", batch, groups, n)
				}
				full = full || shuffleSet(groups, n) == groups
			}
			if !full {
				t.Errorf("batch %d in %d groups: none of %v shuffles over all groups", batch, groups, c.usableBatches())
			}
		}
	}
}

// Halves are usable and half of each other; the first that is not usable ends them.
func TestHalves(t *testing.T) {
	for _, test := range []struct {
		batch, groups int
		want          []int
	}{
		{4096, 8, []int{2048, 1024, 512, 256, 128, 64, 32, 16}},
		{16, 8, nil}, // one image in a group has no statistics
		{48, 8, nil}, // three images a group cannot be shuffled among eight
		{100, 1, []int{50, 25}},
	} {
		if got := (Config{Batch: test.batch, Groups: test.groups, Shuffle: true}).Halves(); !slices.Equal(got, test.want) {
			t.Errorf("%d in %d groups: got %v, want %v", test.batch, test.groups, got, test.want)
		}
	}
}
