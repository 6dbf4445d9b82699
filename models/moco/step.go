package moco

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	. "github.com/gomlx/gomlx/support/exceptions"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// Figures are the values that a step returns, in this order, as one float32 vector.
const (
	FigureLoss         = iota // InfoNCE, both terms summed when symmetric
	FigureTop1                // share of queries whose own key is the nearest, 0 to 1
	FigureTop5                // share whose own key is among the five nearest
	FigurePositive            // mean similarity of query and own key, -1 to 1
	FigureNegative            // mean similarity of query and queue
	FigureSpread              // of the keys: 1 uniform on the sphere, 0 collapsed
	FigureGradientNorm        // L2 norm of the gradients, without weight decay
	FigureLossQuery           // the first term: view 1 as query
	FigureLossKey             // the second term: view 2 as query; 0 unless symmetric
	NumFigures
)

// Inputs declares the inputs of Step, in order: images uint8 [N,size,size,channels]; the parameters of view 1
// [N,P] in batch order, and of view 2 in ShuffleOrder; the learning rate, a float32 scalar. A symmetric step
// takes two more: view 2 in batch order, and view 1 in ShuffleOrder.
func (c Config) Inputs(size, channels int) []mesh.Input {
	views := mesh.Input{Shape: shape(dtypes.Float32, c.Batch, c.Views.NumParams())}
	in := []mesh.Input{
		{Shape: shape(dtypes.Uint8, c.Batch, size, size, channels)},
		views, views,
		{Shape: shape(dtypes.Float32), Replicated: true},
	}
	if c.Symmetric {
		in = append(in, views, views)
	}
	return in
}

// Step builds one training step over the inputs that Inputs declares and the state that Init made: it sets
// every variable of the state and returns one vector of Figures. It panics on shapes that do not fit.
func (c Config) Step(root *model.Scope, inputs []*Node) []*Node {
	if want := len(c.Inputs(1, 1)); len(inputs) != want {
		Panicf("moco: step of %d inputs, want %d", len(inputs), want)
	}
	images, view1, view2Shuffled, lr := inputs[0], inputs[1], inputs[2], inputs[3]
	g := images.Graph()
	queryParams := variables(root, QueryScope, c.Encoder)
	keyParams := variables(root, KeyScope, c.Encoder)

	query := c.query(root, images, view1)
	var query2 *Node
	if c.Symmetric {
		query2 = c.query(root, images, inputs[4])
	}
	updateKey(g, queryParams, keyParams, c.KeyMomentum)
	keys := c.key(root, images, view2Shuffled)

	queueVar, pointerVar := root.GetVariable(QueueName), root.GetVariable(PointerName)
	queue := queueVar.NodeValue(g)
	terms := []contrast{infoNCE(query, keys, queue, c.Temperature)}
	if c.Symmetric {
		keys2 := c.key(root, images, inputs[5])
		terms = append(terms, infoNCE(query2, keys2, queue, c.Temperature))
		// The notebook enqueues the keys of view 1, which belong to the second term, before those of view 2.
		keys = Concatenate([]*Node{keys2, keys}, 0)
	}
	loss := terms[0].loss
	for _, t := range terms[1:] {
		loss = Add(loss, t.loss)
	}

	newQueue, newPointer := enqueue(queue, pointerVar.NodeValue(g), keys)
	queueVar.SetNodeValue(newQueue)
	pointerVar.SetNodeValue(newPointer)

	params := make([]*Node, len(queryParams))
	for i, p := range queryParams {
		params[i] = p.NodeValue(g)
	}
	gradients := Gradient(loss, params...)
	norm := descend(g, queryParams, variables(root, MomentumScope, c.Encoder), gradients, lr, c.SGDMomentum, c.WeightDecay)
	return []*Node{figures(terms, spread(keys), norm)}
}

// query encodes the batch's views in batch order.
func (c Config) query(root *model.Scope, images, views *Node) *Node {
	x := c.Views.Apply(images, views, c.ImageSize)
	norm := resnet.Norm{Train: true, Groups: c.Groups}
	return resnet.Forward(root.At(QueryScope), c.Encoder, norm, x).Projection
}

// key encodes views of the shuffled batch, in train mode and without gradient, and gives the keys in batch
// order. The uint8 images are what is shuffled: the views are made behind the exchange, where they are small
// to move and their parameters tell the compiler that the batch stays split.
func (c Config) key(root *model.Scope, images, shuffledViews *Node) *Node {
	if c.Shuffle {
		images = shuffle(images, c.Groups)
	}
	x := c.Views.Apply(images, shuffledViews, c.ImageSize)
	norm := resnet.Norm{Train: true, Groups: c.Groups}
	encoder := c.Encoder
	encoder.Remat = resnet.RematNone // nothing to recompute without a backward pass
	keys := StopGradient(resnet.Forward(root.At(KeyScope), encoder, norm, x).Projection)
	if c.Shuffle {
		keys = shuffle(keys, c.Groups)
	}
	return keys
}

// figures assembles the vector of Figures: means over the terms, but the loss summed.
func figures(terms []contrast, spread, gradientNorm *Node) *Node {
	first := terms[0].figures
	sum, second := first, ScalarZero(first.Graph(), dtypes.Float32)
	if len(terms) == 2 {
		sum = Add(first, terms[1].figures)
		second = at(terms[1].figures, FigureLoss)
	}
	mean := DivScalar(sum, len(terms))
	scalars := []*Node{
		at(sum, FigureLoss), at(mean, FigureTop1), at(mean, FigureTop5), at(mean, FigurePositive),
		at(mean, FigureNegative), spread, gradientNorm, at(first, FigureLoss), second,
	}
	return Stack(scalars, 0)
}

// at is element i of a vector, as a scalar.
func at(x *Node, i int) *Node { return Reshape(Slice(x, AxisElem(i))) }
