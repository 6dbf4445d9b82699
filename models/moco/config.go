package moco

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// Viewer makes views of images inside the step; augment.Config is one.
type Viewer interface {
	// NumParams is the number P of parameters of a view.
	NumParams() int
	// Apply is graph code: images uint8 [N,S,S,C] and parameters float32 [N,P] give float32 [N,size,size,3].
	Apply(images, params *graph.Node, size int) *graph.Node
	// Validate lists what is wrong with the viewer's configuration.
	Validate() error
}

// Config is everything that shapes the program of a step. Values that change from step to step (the learning
// rate, the views) are inputs.
type Config struct {
	// Encoder is the architecture of both encoders.
	Encoder resnet.Config
	// Views makes the two views of each image; ImageSize is their side in pixels.
	Views     Viewer
	ImageSize int
	// Batch is the global batch N.
	Batch int
	// QueueLen is the number K of keys in the queue: at least N, at least 2N when Symmetric. N need not divide it.
	QueueLen int
	// KeyMomentum m updates the key parameters: k = m*k + (1-m)*q. In [0,1]; the papers use 0.999.
	KeyMomentum float64
	// Temperature T divides the logits: 0.07 in v1, 0.2 in v2.
	Temperature float64
	// Groups is the number G of BatchNorm groups: the replicas of the reference. It divides N, and the
	// number of devices divides it.
	Groups int
	// Shuffle gives each group's key batch images of other groups (Shuffling BN, section 3.3 of v1).
	Shuffle bool
	// Symmetric adds the loss with the views' roles exchanged, as the MoCo CIFAR notebook's option does.
	Symmetric bool
	// SGDMomentum and WeightDecay are torch.optim.SGD's, on every parameter: 0.9 and 1e-4 in the papers.
	SGDMomentum, WeightDecay float64
}

// Validate lists everything that is wrong with the configuration.
func (c Config) Validate() error {
	errs := []error{c.Encoder.Validate()}
	if c.Views == nil {
		errs = append(errs, errors.New("moco: no views, want a Viewer such as an augment.Config"))
	} else {
		errs = append(errs, c.Views.Validate())
	}
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("moco: "+format, args...))
	}
	if c.Encoder.Head == resnet.HeadNone {
		bad("no head, want %q or %q: the loss compares projections", resnet.HeadLinear, resnet.HeadMLP)
	}
	if c.ImageSize < 1 {
		bad("image size %d, want at least 1", c.ImageSize)
	}
	switch {
	case c.Batch < 1:
		bad("batch %d, want at least 1", c.Batch)
	case c.Groups < 1:
		bad("%d BatchNorm groups, want at least 1", c.Groups)
	case c.Batch%c.Groups != 0:
		bad("batch %d is no multiple of the %d BatchNorm groups", c.Batch, c.Groups)
	case c.Shuffle && c.Groups > 1 && ShuffleSet(c.Groups, c.Batch) == 1:
		bad("batch %d in %d groups of %d images cannot be shuffled: no number above 1 divides both groups and "+
			"images a group; batches that work: %v (or turn the shuffle off)",
			c.Batch, c.Groups, c.Batch/c.Groups, shuffleBatches(c.Groups, c.Batch))
	}
	if keys := c.keysPerStep(); c.QueueLen < keys {
		bad("queue of %d keys, want at least the %d that a step enqueues", c.QueueLen, keys)
	}
	inRange := func(name string, v, low, high float64) {
		if math.IsNaN(v) || v < low || v > high {
			bad("%s %v, want %v to %v", name, v, low, high)
		}
	}
	inRange("key momentum", c.KeyMomentum, 0, 1)
	inRange("SGD momentum", c.SGDMomentum, 0, 1)
	inRange("weight decay", c.WeightDecay, 0, 1)
	inRange("temperature", c.Temperature, 1e-4, 1e4)
	return errors.Join(errs...)
}

// keysPerStep is how many keys a step enqueues.
func (c Config) keysPerStep() int {
	if c.Symmetric {
		return 2 * c.Batch
	}
	return c.Batch
}

// ShuffleSet is the number s of groups among which a batch of n images in groups is shuffled: the largest
// that divides both the groups and the images of a group. s = groups is the full shuffle, s = 1 none.
func ShuffleSet(groups, n int) int {
	a, b := groups, n/groups
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// shuffleBatches are the batches around n that shuffle over all groups.
func shuffleBatches(groups, n int) []int {
	square := groups * groups
	below := n / square * square
	if below == 0 {
		return []int{square, 2 * square}
	}
	return []int{below, below + square}
}
