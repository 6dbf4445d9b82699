package xla_test

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// The tests' model is a MoCo step in small: uint8 images, 16 for each of 8 groups, are shuffled across groups, encoded by
// a 3x3 and a 1x1 convolution, trained by gradient descent; the features enter a queue.
const (
	groups   = 8
	batch    = 128
	size     = 5
	channels = 3
	width    = 6
	features = 7
	queueLen = 256
)

// stateBytes is what the step's variables take: two kernels and the queue.
const stateBytes = 4 * (3*3*channels*width + width*features + queueLen*features)

// A step runs the model on an engine.
type step struct {
	t       *testing.T
	devices int
	exec    *model.Exec
	store   *model.Store
	perData *distributed.ShardingSpec
}

// newStep builds the step for the engine's devices, with or without donation.
func newStep(t *testing.T, e *xla.Engine, donate bool) *step {
	t.Helper()
	s := &step{t: t, devices: e.NumDevices(), store: model.NewStore()}
	s.exec = must.M1(model.NewExec(e, s.store, func(scope *model.Scope, images, gains *Node) *Node {
		loss := stepGraph(scope, images, gains)
		if donate {
			e.Donate(aliases(s.store, images.Graph()))
		}
		return loss
	}))
	if s.devices > 1 {
		mesh := must.M1(distributed.NewDeviceMesh([]int{s.devices}, []string{"data"}))
		s.perData = must.M1(distributed.BuildSpec(mesh).S("data").Done())
		replicated := distributed.NewReplicatedShardingSpec(mesh)
		s.exec = s.exec.AutoSharding(mesh).WithInputShardingSpecs(s.perData, s.perData).WithOutputShardingSpecs(replicated)
		must.M(s.exec.SetDefaultShardingSpec(replicated))
	}
	return s
}

// aliases maps the parameter of each variable that the graph changes to its output: GoMLX puts these first, in order.
func aliases(store *model.Store, g *Graph) map[int]int {
	m := map[int]int{}
	for v := range store.IterVariables() {
		if v.ChangedInGraph(g) {
			m[int(g.GetParameterByName(v.Path()).GetParameterHandle())] = len(m)
		}
	}
	return m
}

func stepGraph(scope *model.Scope, images, gains *Node) *Node {
	g := images.Graph()
	variable := func(name string, dims ...int) *model.Variable {
		return scope.VariableWithValue(name, ramp(shapes.Make(dtypes.Float32, dims...)))
	}
	k3, k1 := variable("k3", 3, 3, channels, width), variable("k1", 1, 1, width, features)
	queue := variable("queue", queueLen, features).SetTrainable(false)
	x := Reshape(images, groups, groups, batch/groups/groups, size, size, channels)
	x = TransposeAllDims(x, 1, 0, 2, 3, 4, 5)
	x = ConvertDType(Reshape(x, batch, size, size, channels), dtypes.Float32)
	x = Mul(x, Reshape(gains, batch, 1, 1, 1))
	x = MaxScalar(Convolve(x, k3.NodeValue(g)).PadSame().Done(), 0)
	x = Convolve(x, k1.NodeValue(g)).PadSame().Done()
	x = ReduceMean(x, 1, 2)
	loss := ReduceAllMean(Square(x))
	for i, grad := range Gradient(loss, k3.NodeValue(g), k1.NodeValue(g)) {
		v := []*model.Variable{k3, k1}[i]
		v.SetNodeValue(Sub(v.NodeValue(g), MulScalar(grad, 0.01)))
	}
	zero := ScalarZero(g, dtypes.Int32)
	queue.SetNodeValue(DynamicUpdateSlice(queue.NodeValue(g), StopGradient(x), []*Node{zero, zero}))
	return loss
}

// run does one step and returns the loss.
func (s *step) run(seed int) float32 {
	s.t.Helper()
	images := tensors.FromShape(shapes.Make(dtypes.Uint8, batch, size, size, channels))
	must.M(tensors.MutableFlatData(images, func(flat []uint8) {
		for i := range flat {
			flat[i] = uint8((i*7919 + seed*104729) >> 3)
		}
	}))
	gains := ramp(shapes.Make(dtypes.Float32, batch))
	if s.devices == 1 {
		out, err := s.exec.Exec(images, gains)
		if err != nil {
			s.t.Fatal(err)
		}
		return out[0].Value().(float32)
	}
	out, err := s.exec.DistributedExec(must.M1(dtensor.ShardTensor(s.perData, images)), must.M1(dtensor.ShardTensor(s.perData, gains)))
	if err != nil {
		s.t.Fatal(err)
	}
	return out[0].Shards()[0].Value().(float32)
}

// state returns the variables as text, for comparing.
func (s *step) state() string {
	s.t.Helper()
	text := ""
	for v := range s.store.IterVariables() {
		value := must.M1(v.Value())
		text += fmt.Sprintf("%s %v\n", v.Path(), value.Value())
	}
	return text
}

// program returns the one program that run compiles.
func program(t *testing.T, e *xla.Engine, run func()) *xla.Program {
	t.Helper()
	before := xlatest.Programs(e)
	run()
	programs := e.Programs()
	if n := xlatest.Programs(e) - before; n != 1 || len(programs) == 0 {
		t.Fatalf("got %d programs compiled, want 1", n)
	}
	return programs[len(programs)-1]
}

// ramp returns a tensor of small numbers of both signs.
func ramp(shape shapes.Shape) *tensors.Tensor {
	t := tensors.FromShape(shape)
	must.M(tensors.MutableFlatData(t, func(flat []float32) {
		for i := range flat {
			flat[i] = float32(i*37%101-50) / 500
		}
	}))
	return t
}
