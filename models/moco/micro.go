package moco

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// A micro-batch is what a loop's turn encodes of a batch in G groups: of M micro-batches, number m has the groups m, M+m,
// 2M+m, and so on. A device holds contiguous groups, a multiple of M of them, so that every micro-batch has its M-th part
// of each device's rows: nothing crosses between devices to make one. With two devices, 8 groups and M = 2:
//
//	device        0 0 0 0 1 1 1 1
//	group         0 1 2 3 4 5 6 7
//	micro-batch   0 1 0 1 0 1 0 1
//
// Groups have their own statistics, and nothing else of the encoders looks from one image to another. So the numbers are
// those of the whole batch, up to the order of sums.

// inMicroBatches reports whether the step encodes its batch in parts.
func (s Step) inMicroBatches() bool { return s.Micro > 1 }

// byMicro views rows [N,...] as [G/M,M,n,...], n rows a group: micro-batch m is [:,m].
func (s Step) byMicro(x *Node) *Node {
	dims := x.Shape().Dimensions
	return Reshape(x, append([]int{s.Groups / s.Micro, s.Micro, s.Batch / s.Groups}, dims[1:]...)...)
}

// rows is the inverse of byMicro.
func (s Step) rows(x *Node) *Node {
	return Reshape(x, append([]int{s.Batch}, x.Shape().Dimensions[3:]...)...)
}

// micro is micro-batch number m, an int32 scalar, of rows in the view of byMicro: [N/M,...].
func (s Step) micro(x, m *Node) *Node {
	g, dims := x.Graph(), x.Shape().Clone().Dimensions
	if g.Backend().Capabilities().Operations[compute.OpTypeDynamicSlice] {
		start := make([]*Node, len(dims))
		for i := range start {
			start[i] = ScalarZero(g, dtypes.Int32)
		}
		start[1], dims[1] = m, 1
		x = DynamicSlice(x, start, dims)
	} else {
		axes := []int{1, 0}
		for i := 2; i < len(dims); i++ {
			axes = append(axes, i)
		}
		x = Gather(TransposeAllAxes(x, axes...), Reshape(m, 1, 1))
	}
	return Reshape(x, append([]int{s.Batch / s.Micro}, dims[3:]...)...)
}

// put is rows in the view of byMicro with those of micro-batch m replaced.
func (s Step) put(x, rows, m *Node) *Node {
	dims := x.Shape().Clone().Dimensions
	number := Iota(x.Graph(), shape(dtypes.Int32, dims...), 1)
	here := Equal(number, BroadcastToDims(m, dims...))
	view := append([]int{dims[0], 1}, dims[2:]...)
	return Where(here, BroadcastToDims(Reshape(rows, view...), dims...), x)
}

// encodeMicro is encode, a micro-batch at a time: all keys first, then the gradient of one micro-batch's queries after the
// other.
func (s Step) encodeMicro(root *model.Scope, in named, queryParams, keyParams []*model.Variable) encoded {
	g := in.images.Graph()
	updateKey(g, queryParams, keyParams, s.KeyMomentum)
	keys := []*Node{s.microKeys(root, in.images, in.params[1].key)}
	if s.Symmetric {
		keys = append(keys, s.microKeys(root, in.images, in.params[0].key))
	}
	queue := root.GetVariable(QueueName).NodeValue(g)
	gradients := make([]*Node, len(queryParams))
	for i, p := range queryParams {
		gradients[i] = Zeros(g, p.Shape())
	}
	var terms []contrast
	for view, k := range keys {
		var term contrast
		term, gradients = s.microTerm(root, in.images, in.params[view].query, k, queue, queryParams, gradients)
		terms = append(terms, term)
	}
	enqueued := keys[0]
	if s.Symmetric {
		enqueued = bothKeys(keys[0], keys[1])
	}
	return encoded{terms, enqueued, queue, func() []*Node { return gradients }}
}

// microKeys is key, a micro-batch at a time.
func (s Step) microKeys(root *model.Scope, images, shuffledViews *Node) *Node {
	g := images.Graph()
	if s.shuffles() {
		images = shuffle(images, s.Groups)
	}
	images, shuffledViews = s.byMicro(images), s.byMicro(shuffledViews)
	encoder := s.Encoder
	encoder.Remat = resnet.RematNone
	empty := Zeros(g, shape(dtypes.Float32, s.Groups/s.Micro, s.Micro, s.Batch/s.Groups, encoder.Dim))

	statistics := newStatistics(root.At(KeyScope), encoder, s.Groups/s.Micro)
	fixed, state := []*Node{images, shuffledViews}, append([]*Node{empty}, statistics.zeros(g)...)
	state = mesh.Loop(s.Micro, statistics.variables, fixed, state, func(t mesh.Turn) []*Node {
		x := s.Views.Apply(s.micro(t.Fixed[0], t.Number), s.micro(t.Fixed[1], t.Number), s.ImageSize)
		out, sums := statistics.forward(encoder, x, t.State[1:])
		return append([]*Node{s.put(t.State[0], out, t.Number)}, sums...)
	})
	statistics.update(state[1:], s.Micro)
	keys := StopGradient(s.rows(state[0]))
	if s.shuffles() {
		keys = shuffle(keys, s.Groups)
	}
	return keys
}

// microTerm is one term of the loss over the batch in batch order, a micro-batch at a time: its figures, and the gradients
// of the parameters added to those given.
func (s Step) microTerm(root *model.Scope, images, views, keys, queue *Node, params []*model.Variable, gradients []*Node) (contrast, []*Node) {
	g := images.Graph()
	images, views, keys = s.byMicro(images), s.byMicro(views), s.byMicro(keys)
	perImage := Zeros(g, shape(dtypes.Float32, s.Batch/s.Micro, termFigures))
	statistics := newStatistics(root.At(QueryScope), s.Encoder, s.Groups/s.Micro)

	first := 1 + len(gradients) // of the statistics in the state
	fixed, state := []*Node{images, views, keys, queue}, append(append([]*Node{perImage}, gradients...), statistics.zeros(g)...)
	state = mesh.Loop(s.Micro, statistics.variables, fixed, state, func(t mesh.Turn) []*Node {
		x := s.Views.Apply(s.micro(t.Fixed[0], t.Number), s.micro(t.Fixed[1], t.Number), s.ImageSize)
		query, sums := statistics.forward(s.Encoder, x, t.State[first:])
		losses, figures := contrastImages(query, s.micro(t.Fixed[2], t.Number), t.Fixed[3], s.Temperature)
		next := []*Node{Add(t.State[0], StopGradient(figures))}
		loss := DivScalar(ReduceAllMean(losses), s.Micro)
		for i, gradient := range Gradient(loss, nodes(g, params)...) {
			next = append(next, Add(t.State[1+i], ConvertDType(gradient, dtypes.Float32)))
		}
		return append(next, sums...)
	})
	statistics.update(state[first:], s.Micro)
	return contrast{figures: DivScalar(ReduceMean(state[0], 0), s.Micro)}, state[1:first]
}

// statistics are BatchNorm's of an encoder, summed up over micro-batches: for each buffer the sums of the groups that have
// the same place in a micro-batch. Groups of different devices are not added up before the end.
type statistics struct {
	scope     *model.Scope
	variables []*model.Variable // of the encoder
	buffers   []*model.Variable // of them, those of BatchNorm
	groups    int               // of a micro-batch
}

func newStatistics(scope *model.Scope, c resnet.Config, groups int) statistics {
	s := statistics{scope: scope, groups: groups}
	for _, p := range c.Params() {
		v := scope.GetVariable(p.Name)
		s.variables = append(s.variables, v)
		if p.Buffer {
			s.buffers = append(s.buffers, v)
		}
	}
	return s
}

// zeros are the sums before the first micro-batch.
func (s statistics) zeros(g *Graph) []*Node {
	all := make([]*Node, len(s.buffers))
	for i, b := range s.buffers {
		all[i] = Zeros(g, shape(dtypes.Float32, s.groups, b.Shape().Dimensions[0]))
	}
	return all
}

// forward encodes the views x of a micro-batch, in train mode, and returns the projections and the sums with its statistics.
func (s statistics) forward(c resnet.Config, x *Node, sums []*Node) (projection *Node, next []*Node) {
	of := map[*model.Variable]*Node{}
	norm := resnet.Norm{Train: true, Groups: s.groups, Take: func(running *model.Variable, ofGroups *Node) { of[running] = StopGradient(ofGroups) }}
	projection = resnet.Forward(s.scope, c, norm, x).Projection
	for i, b := range s.buffers {
		next = append(next, Add(sums[i], of[b]))
	}
	return projection, next
}

// update sets the buffers by the sums over so many micro-batches.
func (s statistics) update(sums []*Node, micro int) {
	for i, b := range s.buffers {
		resnet.UpdateRunning(b, DivScalar(sums[i], micro), nil)
	}
}
