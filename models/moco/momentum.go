package moco

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
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
	for i, p := range params {
		w, gradient := p.NodeValue(g), ConvertDType(gradients[i], dtypes.Float32)
		norm = Add(norm, ReduceAllSum(Square(gradient)))
		w, buffer := SGD(w, buffers[i].NodeValue(g), gradient, lr, momentum, decay)
		p.SetNodeValue(w)
		buffers[i].SetNodeValue(buffer)
	}
	return Sqrt(norm)
}
