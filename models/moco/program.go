package moco

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// Viewer makes views of images inside the step; augment.Config is one.
type Viewer interface {
	// NumParams is the number P of parameters of a view.
	NumParams() int
	// Apply is graph code: images uint8 [N,S,S,C] and parameters float32 [N,P] give float32 [N,size,size,3], or as many
	// channels as the encoder reads.
	Apply(images, params *graph.Node, size int) *graph.Node
	// Validate lists what is wrong with the viewer's configuration.
	Validate() error
}

// Step is everything that shapes the program of a training step. Values that change from step to step (the learning
// rate, the views) are inputs.
type Step struct {
	Config
	// Encoder is the architecture of both encoders. It has a head.
	Encoder resnet.Config
	// Views makes the two views of each image; ImageSize is their side in pixels.
	Views     Viewer
	ImageSize int
	// SGDMomentum and WeightDecay are torch.optim.SGD's, on every parameter: 0.9 and 1e-4 in the papers. From 0 to below
	// 1, and to 1.
	SGDMomentum, WeightDecay float64
}

// Validate lists everything that is wrong with the step, as a [settings.Error].
func (s Step) Validate() error {
	var p settings.Check
	if p.That(s.Views != nil, "views", "is missing, want a Viewer such as an augment.Config"); s.Views != nil {
		p.Under("views.augment", s.Views.Validate())
	}
	smallest := s.Encoder.SmallestImage()
	p.That(s.ImageSize >= smallest, "views.image_size", "is %d, want at least %d pixels for the %s stem", s.ImageSize, smallest, s.Encoder.Stem)
	p.Under("encoder", s.Encoder.Validate())
	p.That(s.Encoder.Head != resnet.HeadNone, "encoder.head", "is none, want %s or %s: the loss compares projections",
		resnet.HeadLinear, resnet.HeadMLP)
	p.Under("moco", s.Config.Validate())
	p.That(s.SGDMomentum >= 0 && s.SGDMomentum < 1, "optim.momentum", "is %g, want at least 0 and below 1", s.SGDMomentum)
	p.That(s.WeightDecay >= 0 && s.WeightDecay <= 1, "optim.weight_decay", "is %g, want 0 to 1", s.WeightDecay)
	return p.Err()
}

// Kind is what an input of a step holds.
type Kind int

// The kinds of inputs.
const (
	Images       Kind = iota // uint8 [N,size,size,channels], in batch order
	ViewParams               // float32 [N,P]: the parameters of one view of every image
	LearningRate             // a float32 scalar
)

// Input declares one input of a step.
type Input struct {
	mesh.Input
	Kind Kind
	// View is the view that ViewParams are of, 0 or 1. Shuffled rows are in [Config.ShuffleOrder], as the key encoder
	// sees the images, others in batch order.
	View     int
	Shuffled bool
}

// String is what a user calls the input.
func (in Input) String() string {
	switch {
	case in.Kind == Images:
		return "the images"
	case in.Kind == LearningRate:
		return "the learning rate"
	case in.Shuffled:
		return fmt.Sprintf("the parameters of view %d (shuffled)", in.View+1)
	}
	return fmt.Sprintf("the parameters of view %d", in.View+1)
}

// Inputs declares the inputs of the step in the order in which its program takes them, for images of size pixels and so
// many channels. This is the one place that knows the order.
func (s Step) Inputs(size, channels int) []Input {
	params := mesh.Input{Shape: shape(dtypes.Float32, s.Batch, s.Views.NumParams())}
	in := []Input{
		{Kind: Images, Input: mesh.Input{Shape: shape(dtypes.Uint8, s.Batch, size, size, channels)}},
		{Kind: ViewParams, View: 0, Input: params},
		{Kind: ViewParams, View: 1, Shuffled: true, Input: params},
		{Kind: LearningRate, Input: mesh.Input{Shape: shape(dtypes.Float32), Replicated: true}},
	}
	if s.Symmetric {
		in = append(in,
			Input{Kind: ViewParams, View: 1, Input: params},
			Input{Kind: ViewParams, View: 0, Shuffled: true, Input: params})
	}
	return in
}

// named are the inputs of a step as nodes, by what they hold.
type named struct {
	images, lr *graph.Node
	params     [2]struct{ query, key *graph.Node } // of each view, in batch order and shuffled; nil where not used
}

// name finds the inputs among the nodes of a program.
func (s Step) name(nodes []*graph.Node) (n named) {
	for i, in := range s.Inputs(1, 1) {
		switch {
		case in.Kind == Images:
			n.images = nodes[i]
		case in.Kind == LearningRate:
			n.lr = nodes[i]
		case in.Shuffled:
			n.params[in.View].key = nodes[i]
		default:
			n.params[in.View].query = nodes[i]
		}
	}
	return n
}
