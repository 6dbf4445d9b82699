package resnet

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	. "github.com/gomlx/gomlx/support/exceptions"
)

const (
	normEpsilon  = 1e-5 // torch's BatchNorm2d
	normMomentum = 0.1  // torch's: the weight of the new statistics
)

// Norm says how BatchNorm normalises.
type Norm struct {
	// Train normalises by the batch's own statistics and updates the running ones; otherwise the running
	// statistics are used and nothing changes.
	Train bool
	// Groups is the number of contiguous, equal groups of the batch that have statistics of their own: the
	// replicas of the reference implementation. 1 is plain BatchNorm over the whole batch. It divides the batch.
	Groups int
	// Momentum, a float32 scalar, is the weight of the new statistics in the running ones; nil is torch's 0.1.
	Momentum *Node
	// Take, unless nil, is given the statistics of the groups instead of their updating the running ones: the variable of the
	// running mean or variance that they are for, and float32 [Groups, channels], the variance unbiased. It is for a batch in
	// several parts, see UpdateRunning.
	Take func(running *model.Variable, statistics *Node)
}

func (n Norm) check(batch int) {
	if n.Train && (n.Groups < 1 || batch%n.Groups != 0) {
		Panicf("resnet: %d BatchNorm groups over a batch of %d, want a divisor of the batch", n.Groups, batch)
	}
}

// batchNorm normalises x [N,H,W,C] over each group's images and positions, and scales by weight and bias. It computes in
// float32, and gives float32, whatever x is. Running statistics are the mean over the groups, the variance unbiased (n/(n-1))
// as in torch.
//
// Mean and variance come from one pass over the activations, which bound the step on TPUs: E[d^2]-E[d]^2 of
// the distances d to the running mean. That is near the batch's own mean once training goes, so little
// cancels, however far from zero the activations are; the result depends on it by rounding only.
func (e *encoder) batchNorm(x *Node, name string) *Node {
	dims := x.Shape().Dimensions
	channels := dims[3]
	weight, bias := e.value(name+".weight"), e.value(name+".bias")
	runningMean, runningVar := e.variable(name+".running_mean"), e.variable(name+".running_var")
	if !e.norm.Train {
		scale := Div(weight, Sqrt(AddScalar(runningVar.NodeValue(e.g), normEpsilon)))
		shift := Sub(bias, Mul(runningMean.NodeValue(e.g), scale))
		wide := ConvertDType(x, dtypes.Float32)
		return Add(Mul(wide, Reshape(scale, 1, 1, 1, channels)), Reshape(shift, 1, 1, 1, channels))
	}
	groups := e.norm.Groups
	count := dims[0] / groups * dims[1] * dims[2]
	if count < 2 {
		Panicf("resnet: %s sees one value per channel and group (batch %d, %d groups, %dx%d positions): "+
			"no variance, want a larger batch or image", name, dims[0], groups, dims[1], dims[2])
	}
	grouped := Reshape(x, groups, count, channels)
	wide := ConvertDType(grouped, dtypes.Float32)
	origin := runningMean.NodeValue(e.g) // [C]; no gradient reaches it
	distance := Sub(wide, Reshape(origin, 1, 1, channels))
	var positive *Node // [G,C]
	once := func(x *Node) *Node { return e.once(x, positive) }
	mean := e.meanOfPositions(distance, once) // [G,C]
	variance := MaxScalar(Sub(e.meanOfPositions(Square(distance), once), Square(mean)), 0)
	added := AddScalar(variance, normEpsilon)
	positive = StopGradient(added)

	scale := once(Div(InsertAxes(weight, 0), Sqrt(added)))
	shift := once(Sub(forGroups(bias, groups), Mul(mean, scale)))
	y := Add(Mul(distance, InsertAxes(scale, 1)), InsertAxes(shift, 1))

	unbiased := MulScalar(variance, float64(count)/float64(count-1))
	e.take(runningMean, Add(mean, InsertAxes(origin, 0)))
	e.take(runningVar, unbiased)
	return Reshape(y, dims...)
}

// take hands on statistics [G,C]: to the norm's Take, to the running ones, or to updateTogether.
func (e *encoder) take(running *model.Variable, statistics *Node) {
	switch {
	case e.norm.Take != nil:
		e.norm.Take(running, statistics)
	case e.lowering.fewLoops:
		e.running, e.statistics = append(e.running, running), append(e.statistics, statistics)
	default:
		UpdateRunning(running, statistics, e.norm.Momentum)
	}
}

// updateTogether updates the running statistics by those taken, all in one array: over devices that is one sum, and loops
// over parts of one array are few.
func (e *encoder) updateTogether() {
	if len(e.running) == 0 {
		return
	}
	fresh, from := ReduceAndKeep(Concatenate(e.statistics, 1), ReduceMean, 0), 0
	for _, v := range e.running {
		to := from + v.Shape().Size()
		UpdateRunning(v, SliceAxis(fresh, 1, AxisRange(from, to)), e.norm.Momentum)
		from = to
	}
}

// meanOfPositions is the mean of x [G,count,C] over its middle axis: [G,C]. The gradient of every value, [G,C], goes through
// once.
//
// XLA's CPU engine hands a sum over many positions to a library, which reads x from memory: all of x is written out
// first. A sum over 32 positions is XLA's own, which computes x on the way. So the mean is taken in two steps, of 32
// positions and then of the runs. On a TPU, where both sums are XLA's own, the second step would move half as many bytes
// again.
func (e *encoder) meanOfPositions(x *Node, once func(*Node) *Node) *Node {
	const run = 32
	dims := x.Shape().Dimensions
	if !e.lowering.plainLoops || dims[1]%run != 0 {
		return ReduceMean(x, 1)
	}
	var gradient *Node // [G,C]
	x = IdentityWithCustomGradient(x, func(_, v *Node) *Node {
		return BroadcastToDims(InsertAxes(gradient, 1), v.Shape().Dimensions...)
	})
	mean := ReduceMean(ReduceMean(Reshape(x, dims[0], dims[1]/run, run, dims[2]), 2), 1)
	return IdentityWithCustomGradient(mean, func(_, v *Node) *Node {
		gradient = once(MulScalar(v, 1/float64(dims[1])))
		return v
	})
}

// once returns x [G,C] in a form that is computed before the loops over activations that read it. XLA's CPU engine would
// compute such a small array again for each activation, unless it ends in an operation that XLA takes for an expensive one.
// So x is multiplied by a positive array [G,C] and divided by the same.
func (e *encoder) once(x, positive *Node) *Node {
	if !e.lowering.plainLoops {
		return x
	}
	return Div(Mul(x, positive), positive)
}

// forGroups gives each of the groups a [C] vector: [G,C]. It doubles the vector and halves the groups' copies. Both are
// exact, so the copies are the vector's values.
//
// The two multiplications are there for the gradient. The gradient of the copies is a sum over each group's positions,
// which the rest of BatchNorm needs, too; the vector's is the sum of those over the groups. XLA would fuse the two into
// one sum over groups and positions, and read all activations a second time for it. With a multiplication between them
// it cannot, and the second sum is over [G,C] values.
func forGroups(x *Node, groups int) *Node {
	twice := InsertAxes(MulScalar(x, 2), 0)
	return MulScalar(BroadcastToDims(twice, groups, x.Shape().Dimensions[0]), 0.5)
}

// UpdateRunning blends statistics of groups [G,C] into a variable of running ones [C]: their mean, by the weight momentum, a
// float32 scalar, or torch's 0.1 for nil.
func UpdateRunning(running *model.Variable, statistics, momentum *Node) {
	g := statistics.Graph()
	old := running.NodeValue(g)
	if momentum == nil {
		momentum = Scalar(g, dtypes.Float32, normMomentum)
	}
	fresh := StopGradient(ReduceMean(statistics, 0))
	running.SetNodeValue(Add(Mul(old, OneMinus(momentum)), Mul(fresh, momentum)))
}
