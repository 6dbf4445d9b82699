package moco

import . "github.com/gomlx/gomlx/core/graph"

// SGD returns a parameter and its momentum buffer after one step of torch.optim.SGD, without dampening or Nesterov. The
// buffer starts at zero. The decay is added to the gradient, and the learning rate multiplies the buffer. All are float32
// of one shape, except lr, which may be a scalar or broadcast. It panics, as graph code does.
func SGD(w, buffer, gradient, lr *Node, momentum, decay float64) (newW, newBuffer *Node) {
	gradient = Add(gradient, MulScalar(w, decay))
	newBuffer = Add(MulScalar(buffer, momentum), gradient)
	return Sub(w, Mul(newBuffer, lr)), newBuffer
}
