package parity

// Relative L2 distances that correct float32 programs stay within, for claims that several tests make. A tolerance of one
// test's own stands in the test.
const (
	// Rounding is one layer's, where sums are taken in another order.
	Rounding = 1e-6
	// Forward is an encoder's or a loss's over a batch.
	Forward = 1e-5
	// Elsewhere is that of the losses of a few steps of training, and of a tensor of the state after them, on another engine
	// or number of devices. GradientElsewhere is for SGD's buffers, which are sums of gradients that mostly cancel.
	Elsewhere, GradientElsewhere = 1e-5, 1e-4
)
