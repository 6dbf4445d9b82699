// Package moco builds one training step of Momentum Contrast (He et al. 2020, v1; Chen et al. 2020, v2) as
// GoMLX graph code, in the order of the reference implementation (facebookresearch/moco, moco/builder.py):
// query, momentum update of the key parameters, shuffle, key, unshuffle, logits, InfoNCE, enqueue; then SGD.
//
//	config.go      the settings of a step, and which batches it can shuffle
//	program.go     the step as a program: its inputs, in the one place where they are listed
//	step.go        the step, in reading order
//	shuffle.go     Shuffling BN as a transpose
//	contrast.go    logits, loss and the step's figures
//	queue.go       the queue of keys and its wrapping enqueue
//	micro.go       the same step a micro-batch at a time, as a loop
//	momentum.go    the key encoder's momentum update, and SGD over all parameters
//	sgd.go         SGD of one parameter
//	state.go       the variables and their initial values
//	invariants.go  what must be true of the state after a step; package step checks it with -tags invariants
//
// # Shapes
//
// Everything is written over the global batch N: images uint8 [N,S,S,C], view parameters float32 [N,P],
// queries and keys float32 [N,D] of unit rows, the queue float32 [K,D]. On a mesh the compiler splits the
// first axis of all but the queue and the variables, which are replicated.
//
// # Errors
//
// Config.Validate returns errors; graph code panics.
//
// # Determinism
//
// A step draws no random numbers: views are given as parameters, the initial state is a pure function of the
// seed.
package moco
