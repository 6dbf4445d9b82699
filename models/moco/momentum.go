package moco

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/xla/mesh"
)

// updateKey moves the key parameters towards the query's: k = m*k + (1-m)*q. BatchNorm's buffers are left
// to the key encoder's own forward pass, as in the reference.
func updateKey(g *Graph, query, key []*model.Variable, momentum float64) {
	for i, q := range query {
		k := key[i].NodeValue(g)
		key[i].SetNodeValue(Add(MulScalar(k, momentum), MulScalar(q.NodeValue(g), 1-momentum)))
	}
}

// descend takes one step of SGD on every parameter, and returns the gradients' norm before the decay.
func descend(g *Graph, params, buffers []*model.Variable, gradients []*Node, lr *Node, momentum, decay float64) *Node {
	norm := ScalarZero(g, dtypes.Float32)
	vectors := vectorsOf(g, params)
	laid := vectors.laid(gradients)
	if laid != nil {
		norm = Add(norm, ReduceAllSum(Square(laid)))
	}
	for i, p := range params {
		w, gradient := p.NodeValue(g), ConvertDType(gradients[i], dtypes.Float32)
		if at, ok := vectors[i]; ok {
			gradient = Slice(laid, AxisRange(at.from, at.to))
		} else {
			norm = Add(norm, ReduceAllSum(Square(gradient)))
		}
		w, buffer := SGD(w, buffers[i].NodeValue(g), gradient, lr, momentum, decay)
		p.SetNodeValue(w)
		buffers[i].SetNodeValue(buffer)
	}
	return Sqrt(norm)
}

// vectors are the small parameters, such as BatchNorm's, laid end to end: the place of each, by its number.
type vectors map[int]place

type place struct{ from, to int }

// vectorsOf finds the vectors among the parameters, where the backend starts every loop by itself: what is done to parts of
// one array is few loops. For other backends there are none.
func vectorsOf(g *Graph, params []*model.Variable) vectors {
	all, end := vectors{}, 0
	if !mesh.Says(g.Backend(), func(e interface{ StartsLoops() bool }) bool { return e.StartsLoops() }) {
		return all
	}
	for i, p := range params {
		if p.Shape().Rank() == 1 {
			all[i] = place{end, end + p.Shape().Size()}
			end = all[i].to
		}
	}
	return all
}

// laid is the vectors among the values end to end, nil without any.
func (v vectors) laid(values []*Node) *Node {
	var found []*Node
	for i, x := range values {
		if _, ok := v[i]; ok {
			found = append(found, x)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return OptimizationBarriers(Concatenate(found, 0))[0] // or XLA takes each from where it was
}
