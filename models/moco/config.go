package moco

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Config holds the settings of the algorithm, in the paper's words.
type Config struct {
	// Batch is N, the images per step over all devices: a multiple of Groups, with two images or more in each.
	Batch int `json:"batch"`
	// Queue is K, the number of keys kept as negatives: at least Batch, or 2*Batch when Symmetric. It need not be a
	// multiple of either.
	Queue int `json:"queue"`
	// KeyMomentum is m in k <- m*k + (1-m)*q, in [0, 1]; 0.999 in the papers. 1 leaves the key encoder as it began.
	KeyMomentum float64 `json:"key_momentum"`
	// Temperature divides the logits, 1e-4 to 1e4: 0.07 in v1, 0.2 in v2.
	Temperature float64 `json:"temperature"`
	// Groups is G: BatchNorm's statistics are taken over G contiguous groups of the batch, whatever the number of
	// devices, which must divide it. The reference has one group per GPU, so 8.
	Groups int `json:"groups"`
	// Shuffle gives each group's key batch images of other groups (Shuffling BN, section 3.3 of v1), without which the
	// groups' statistics leak the positive. With one group there is nothing to shuffle.
	Shuffle bool `json:"shuffle"`
	// Symmetric adds the loss with the two views exchanged, as the MoCo CIFAR notebook's option does.
	Symmetric bool `json:"symmetric"`
	// Micro is M, the micro-batches of a step: each device encodes its groups in so many equal parts, one after another, and
	// keeps the activations of one part only. It divides the groups of a device, and changes no number beyond rounding: all
	// keys are there before the first query's gradient, which are summed up for one step of SGD. 0 and 1 are the whole batch
	// at once.
	Micro int `json:"micro"`
}

// maxGroups bounds the search for batches that work; it is twice the cores of the largest TPU v3 pod.
const maxGroups = 4096

// Validate lists everything that is wrong with the settings, as a [settings.Error].
func (c Config) Validate() error {
	var p settings.Check
	p.That(c.Batch > 0, "batch", "is %d, want above 0", c.Batch)
	p.That(c.Groups > 0 && c.Groups <= maxGroups, "groups", "is %d, want 1 to %d", c.Groups, maxGroups)
	if c.Batch > 0 && c.Groups > 0 && c.Groups <= maxGroups {
		c.checkBatch(&p)
	}
	p.That(c.Micro >= 0, "micro", "is %d, want 0 (the whole batch at once) or more", c.Micro)
	if c.Micro > 0 && c.Groups > 0 {
		p.That(c.Groups%c.Micro == 0, "micro", "is %d, want a number that divides {groups} (%d)", c.Micro, c.Groups)
	}
	why := "the batch"
	if c.Symmetric {
		why = "the keys of both views"
	}
	p.That(c.Queue > 0 && c.Queue >= c.keysPerStep(), "queue", "is %d, want at least %d, %s", c.Queue, c.keysPerStep(), why)
	p.That(c.KeyMomentum >= 0 && c.KeyMomentum <= 1, "key_momentum", "is %g, want 0 to 1", c.KeyMomentum)
	p.That(c.Temperature >= 1e-4 && c.Temperature <= 1e4, "temperature", "is %g, want 0.0001 to 10000", c.Temperature)
	return p.Err()
}

func (c Config) checkBatch(p *settings.Check) {
	if c.Batch%c.Groups != 0 || c.Batch < 2*c.Groups {
		p.That(false, "batch", "is %d, want a multiple of {groups} (%d) with two images or more in each: try %s",
			c.Batch, c.Groups, orList(c.usableBatches()))
		return
	}
	p.That(c.usable(c.Batch), "batch", "is %d in %d groups of %d, which have no common divisor to shuffle by: try %s, or turn {shuffle} off",
		c.Batch, c.Groups, c.Batch/c.Groups, orList(c.usableBatches()))
}

// shuffles tells whether images change places.
func (c Config) shuffles() bool { return c.Shuffle && c.Groups > 1 }

// usable tells whether n images make whole groups of two or more, which can be shuffled where they are to be.
func (c Config) usable(n int) bool {
	return n%c.Groups == 0 && n >= 2*c.Groups && (!c.shuffles() || shuffleSet(c.Groups, n) > 1)
}

// usableBatches are the usable batches nearest to Batch on either side, and the nearest in which every group exchanges
// images with every other, ascending. Groups is 1 to 4096.
func (c Config) usableBatches() []int {
	g := c.Groups
	var found []int
	lower := c.Batch / g * g
	for n := lower; n > 0; n -= g {
		if c.usable(n) {
			found = append(found, n)
			break
		}
	}
	for n := lower + g; ; n += g {
		if c.usable(n) {
			found = append(found, n)
			break
		}
	}
	if c.shuffles() {
		found = append(found, max(1, int(math.Round(float64(c.Batch)/float64(g*g))))*g*g)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Halves are the usable batches that Batch becomes when it is halved again and again.
func (c Config) Halves() []int {
	var found []int
	for n := c.Batch; n%2 == 0 && c.usable(n/2); n /= 2 {
		found = append(found, n/2)
	}
	return found
}

// Micros are the numbers of micro-batches above 1 that the groups of each of so many devices come in, ascending.
func (c Config) Micros(devices int) []int {
	each := c.Groups / max(1, devices)
	var found []int
	for m := 2; m <= each; m++ {
		if each%m == 0 {
			found = append(found, m)
		}
	}
	return found
}

// Granule is what batches of these settings are multiples of, so that the shuffle keeps its shape: what all groups
// exchange, or, where not all do, the batch itself.
func (c Config) Granule() int {
	if c.Shuffle && shuffleSet(c.Groups, c.Batch) == c.Groups {
		return c.Groups * c.Groups
	}
	return c.Batch
}

// Resized is the settings with another batch: the queue grows where it could not hold the keys of a step.
func (c Config) Resized(batch int) Config {
	c.Batch = batch
	c.Queue = max(c.Queue, c.keysPerStep())
	return c
}

func orList(ns []int) string {
	words := make([]string, len(ns))
	for i, n := range ns {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " or ")
}

// keysPerStep is how many keys a step enqueues.
func (c Config) keysPerStep() int {
	if c.Symmetric {
		return 2 * c.Batch
	}
	return c.Batch
}

// shuffleSet is the number s of groups among which a batch of n images in groups is shuffled: the largest
// that divides both the groups and the images of a group. s = groups is the full shuffle, s = 1 none.
func shuffleSet(groups, n int) int {
	a, b := groups, n/groups
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
