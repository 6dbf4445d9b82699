package moco

import (
	"errors"
	"math"
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
		change func(*Config)
		want   []string // all of them in the error; none: valid
	}{
		{"tiny", func(*Config) {}, nil},
		{"queue as long as the batch", func(c *Config) { c.QueueLen = 16 }, nil},
		{"queue no multiple of the batch", func(c *Config) { c.QueueLen = 17 }, nil},
		{"queue shorter than the batch", func(c *Config) { c.QueueLen = 15 }, []string{"queue of 15 keys", "16"}},
		{"symmetric queue", func(c *Config) { c.QueueLen, c.Symmetric = 32, true }, nil},
		{"symmetric queue too short", func(c *Config) { c.QueueLen, c.Symmetric = 31, true }, []string{"queue of 31 keys", "32"}},
		{"momentum at the ends", func(c *Config) { c.KeyMomentum, c.SGDMomentum = 0, 1 }, nil},
		{"NaN momentum", func(c *Config) { c.KeyMomentum = math.NaN() }, []string{"key momentum NaN"}},
		{"temperature", func(c *Config) { c.Temperature = 0 }, []string{"temperature 0"}},
		{"infinite temperature", func(c *Config) { c.Temperature = math.Inf(1) }, []string{"temperature +Inf"}},
		{"groups", func(c *Config) { c.Groups = 3 }, []string{"batch 16 is no multiple of the 3"}},
		{"no groups", func(c *Config) { c.Groups = 0 }, []string{"0 BatchNorm groups"}},
		{"no batch", func(c *Config) { c.Batch = 0 }, []string{"batch 0"}},
		{"part of the groups", func(c *Config) { c.Groups = 8 }, nil},
		{"nothing to shuffle", func(c *Config) { c.Groups = 16 }, []string{"cannot be shuffled", "256"}},
		{"nothing to shuffle, not asked to", func(c *Config) { c.Groups, c.Shuffle = 16, false }, nil},
		{"one group", func(c *Config) { c.Groups = 1 }, nil},
		{"no head", func(c *Config) { c.Encoder.Head, c.Encoder.Dim = resnet.HeadNone, 0 }, []string{"no head", "linear", "mlp"}},
		{"views", func(c *Config) { c.Views = badViews{} }, []string{"views: bad"}},
		{"everything", func(c *Config) {
			*c = Config{Encoder: resnet.Config{}, KeyMomentum: 2, SGDMomentum: -1, WeightDecay: -1}
		}, []string{
			"arch", "stem", "head", "precision", "remat", "width", "dimension", "no views", "image size", "batch",
			"key momentum", "SGD momentum", "weight decay", "temperature",
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

// Every batch that the shuffle's error proposes works.
func TestProposedBatchesShuffle(t *testing.T) {
	for groups := 2; groups <= 16; groups++ {
		for batch := groups; batch <= 600; batch += groups {
			if ShuffleSet(groups, batch) != 1 {
				continue
			}
			for _, proposed := range shuffleBatches(groups, batch) {
				if got := ShuffleSet(groups, proposed); got != groups {
					t.Errorf("batch %d proposed for %d groups: sets of %d", proposed, groups, got)
				}
			}
		}
	}
}
