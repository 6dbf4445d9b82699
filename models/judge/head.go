package judge

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/moco"
)

// headScope holds the classifiers' variables in a store.
const headScope = "classifier"

// initialDeviation is that of the classifier's first weights, as in the MoCo authors' probe.
const initialDeviation = 0.01

// head is s linear classifiers side by side over the same features.
type head struct {
	count, classes, dim int
	momentum, decay     float64
}

func (h head) shapeOf(name string) shapes.Shape {
	if name == "weight" {
		return shapes.Make(dtypes.Float32, h.count, h.classes, h.dim)
	}
	return shapes.Make(dtypes.Float32, h.count, h.classes)
}

// init creates the variables: all classifiers the same, weights normal, biases and momentum zero.
func (h head) init(store *model.Store, seed uint64) error {
	scope := store.RootScope().In(headScope)
	for _, name := range []string{"weight", "bias"} {
		scope.VariableWithValue(name, tensors.FromShape(h.shapeOf(name))).SetTrainable(false)
		scope.VariableWithValue(name+".momentum", tensors.FromShape(h.shapeOf(name))).SetTrainable(false)
	}
	weights := make([]float32, h.classes*h.dim)
	rng := rand.New(rand.NewPCG(seed, 0x6c696e656172))
	for i := range weights {
		weights[i] = float32(initialDeviation * rng.NormFloat64())
	}
	return h.set(store, weights)
}

// set gives every classifier the weights [classes, dim].
func (h head) set(store *model.Store, weights []float32) error {
	value := tensors.FromShape(h.shapeOf("weight"))
	err := tensors.MutableFlatData(value, func(flat []float32) {
		for i := range flat {
			flat[i] = weights[i%len(weights)]
		}
	})
	if err == nil {
		err = h.variable(store.RootScope(), "weight").SetValue(value)
	}
	if err != nil {
		return fmt.Errorf("judge: initial weights: %w", err)
	}
	return nil
}

func (h head) variable(root *model.Scope, name string) *model.Variable {
	return root.At(headScope).GetVariable(name)
}

// logits are float32 [batch, count, classes] of features [batch, dim].
func (h head) logits(root *model.Scope, features *Node) *Node {
	g := features.Graph()
	features.AssertDims(features.Shape().Dimensions[0], h.dim)
	logits := DotGeneral(features, []int{1}, nil, h.variable(root, "weight").NodeValue(g), []int{2}, nil)
	return Add(logits, InsertAxes(h.variable(root, "bias").NodeValue(g), 0))
}

// losses are the classifiers' mean cross-entropies [count] over the rows whose valid [batch] is 1, not 0.
func losses(logits, labels, valid *Node) *Node {
	classes := logits.Shape().Dimensions[2]
	target := InsertAxes(OneHot(labels, classes, dtypes.Float32), 1) // [batch, 1, classes]
	each := Neg(ReduceSum(Mul(LogSoftmax(logits), target), 2))       // [batch, count]
	return Div(ReduceSum(Mul(each, InsertAxes(valid, 1)), 0), ReduceAllSum(valid))
}

// descend takes one step of SGD, each classifier by its own rate of lrs [count], along gradients that [head.params]
// ordered.
func (h head) descend(root *model.Scope, gradients []*Node, lrs *Node) {
	for i, name := range []string{"weight", "bias"} {
		v, m := h.variable(root, name), h.variable(root, name+".momentum")
		rates := InsertAxes(lrs, -1)
		if name == "weight" {
			rates = InsertAxes(rates, -1)
		}
		g := lrs.Graph()
		w, buffer := moco.SGD(v.NodeValue(g), m.NodeValue(g), gradients[i], rates, h.momentum, h.decay)
		v.SetNodeValue(w)
		m.SetNodeValue(buffer)
	}
}

// params are the nodes to take the gradient by.
func (h head) params(root *model.Scope, g *Graph) []*Node {
	return []*Node{h.variable(root, "weight").NodeValue(g), h.variable(root, "bias").NodeValue(g)}
}
