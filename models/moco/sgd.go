// Package sgd is torch.optim.SGD as graph code, without dampening or Nesterov. It panics, as graph code does.
package moco

import . "github.com/gomlx/gomlx/core/graph"

// SGD is torch.optim.SGD without dampening or Nesterov: it returns a parameter and its momentum buffer, which starts at zero, after one step: the decay is added to the
// gradient, and the momentum builds up before the learning rate. All are float32 of one shape, but for lr, which may
// be a scalar or broadcast.
func SGD(w, buffer, gradient, lr *Node, momentum, decay float64) (newW, newBuffer *Node) {
	gradient = Add(gradient, MulScalar(w, decay))
	newBuffer = Add(MulScalar(buffer, momentum), gradient)
	return Sub(w, Mul(newBuffer, lr)), newBuffer
}
