// Package parity compares tensors with recorded ones, for tests and the self-test.
//
// A recording of another framework's run would be large; this one keeps, of each tensor, its norm, a few random
// projections and a few samples. The inputs of the run are not recorded at all: they are formulas over
// (name, index), the same bits in Go (Hash, Uniform) and in the generator, models/selftest/testdata/gen_torch.py.
//
// Tensors are recorded in torch's layout; resnet.ToTorch brings ours into it.
package parity
