// Package bench times training and the reading of images on this machine, and reports it as a table, as JSON, or in the
// format of Go's benchmarks, which benchstat reads.
//
//	Step    one training step, on one device and on several
//	Train   the feed alone, the step alone, and both as training runs them
//	Data    the ways to read images, PyTorch's loader among them
//	Peers   the step and an epoch's steps in mocotpu, PyTorch and JAX
//	Roofline   the step's work, by class, at the peaks that the engine reaches
//	KNN     the search for nearest neighbours, and faiss's
//
// All return a [*Report]: rows, each with the benchmark's name, the times of its operations, and what else was measured.
//
// The package stands beside the command, not among the models: it opens engines, and compares this program with others. How
// an engine is opened is the caller's, see [Engines], so that what is timed is opened as training opens it.
//
// # Errors
//
// Settings that cannot be timed are a [settings.ErrInvalid] whose fields begin with "bench". A peer that is missing, fails or
// takes too long is a row that says so, no error.
package bench
