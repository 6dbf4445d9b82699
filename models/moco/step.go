package moco

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	. "github.com/gomlx/gomlx/support/exceptions"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// The entries of [Figures], in the order of the float32 vector that the program returns.
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

// Figures are what a step returns.
type Figures [NumFigures]float32

// Build builds one training step over the inputs that Inputs declares and the state that Init made: it sets
// every variable of the state and returns one vector of Figures. It panics on shapes that do not fit.
func (s Step) Build(root *model.Scope, inputs []*Node) []*Node {
	if want := len(s.Inputs(1, 1)); len(inputs) != want {
		Panicf("moco: step of %d inputs, want %d", len(inputs), want)
	}
	in := s.name(inputs)
	g := in.images.Graph()
	queryParams := variables(root, QueryScope, s.Encoder)
	keyParams := variables(root, KeyScope, s.Encoder)
	queueVar, pointerVar := root.GetVariable(QueueName), root.GetVariable(PointerName)

	encode := s.encode
	if s.inMicroBatches() {
		encode = s.encodeMicro
	}
	e := encode(root, in, queryParams, keyParams)
	newQueue, newPointer := enqueue(e.queue, pointerVar.NodeValue(g), e.keys)
	queueVar.SetNodeValue(newQueue)
	pointerVar.SetNodeValue(newPointer)

	norm := descend(g, queryParams, variables(root, MomentumScope, s.Encoder), e.gradients(), in.lr, s.SGDMomentum, s.WeightDecay)
	return []*Node{figures(e.terms, spread(e.keys), norm)}
}

// encoded is what a step has made of its batch before it changes queue and query encoder.
type encoded struct {
	terms     []contrast // the second is that of the views exchanged
	keys      *Node      // [n,D], all that are enqueued, in order
	queue     *Node      // that the terms were taken against
	gradients func() []*Node
}

// encode encodes the whole batch at once.
func (s Step) encode(root *model.Scope, in named, queryParams, keyParams []*model.Variable) encoded {
	g := in.images.Graph()
	query := s.query(root, in.images, in.params[0].query)
	var query2 *Node
	if s.Symmetric {
		query2 = s.query(root, in.images, in.params[1].query)
	}
	updateKey(g, queryParams, keyParams, s.KeyMomentum)
	keys := s.key(root, in.images, in.params[1].key)
	queue := root.GetVariable(QueueName).NodeValue(g)
	terms := []contrast{infoNCE(query, keys, queue, s.Temperature)}
	if s.Symmetric {
		keys2 := s.key(root, in.images, in.params[0].key)
		terms = append(terms, infoNCE(query2, keys2, queue, s.Temperature))
		keys = bothKeys(keys, keys2)
	}
	loss := terms[0].loss
	for _, t := range terms[1:] {
		loss = Add(loss, t.loss)
	}
	return encoded{terms, keys, queue, func() []*Node { return Gradient(loss, nodes(g, queryParams)...) }}
}

// bothKeys are the keys of the symmetric loss in the order of the queue. The notebook enqueues those of view 1, which belong
// to the second term, before those of view 2.
func bothKeys(view2, view1 *Node) *Node { return Concatenate([]*Node{view1, view2}, 0) }

// nodes are the values of variables.
func nodes(g *Graph, vars []*model.Variable) []*Node {
	all := make([]*Node, len(vars))
	for i, v := range vars {
		all[i] = v.NodeValue(g)
	}
	return all
}

// query encodes the batch's views in batch order.
func (s Step) query(root *model.Scope, images, views *Node) *Node {
	x := s.Views.Apply(images, views, s.ImageSize)
	norm := resnet.Norm{Train: true, Groups: s.Groups}
	return resnet.Forward(root.At(QueryScope), s.Encoder, norm, x).Projection
}

// key encodes views of the shuffled batch, in train mode and without gradient, and gives the keys in batch
// order. The uint8 images are what is shuffled: the views are made behind the exchange, where they are small
// to move and their parameters tell the compiler that the batch stays split.
func (s Step) key(root *model.Scope, images, shuffledViews *Node) *Node {
	if s.shuffles() {
		images = shuffle(images, s.Groups)
	}
	x := s.Views.Apply(images, shuffledViews, s.ImageSize)
	norm := resnet.Norm{Train: true, Groups: s.Groups}
	encoder := s.Encoder
	encoder.Remat = resnet.RematNone // nothing to recompute without a backward pass
	keys := StopGradient(resnet.Forward(root.At(KeyScope), encoder, norm, x).Projection)
	if s.shuffles() {
		keys = shuffle(keys, s.Groups)
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
