// Package classify trains linear classifiers on encoders: what its features are worth to someone with labels.
//
//	sweep.go    many learning rates at once over features that were computed once: the fast linear probe
//	images.go   over images: the papers' linear protocol (frozen trunk), finetuning, and learning from scratch
//	protocol.go the settings of those three
//	head.go     the classifier and its loss, the same in both
//	subset.go   a share of the labels
//
// # Shapes
//
// Features are float32 [n, dim], labels int32 [n] from 0 to classes-1, images uint8 [n, size, size, channels].
// Programs have a fixed batch: the last one of an epoch is padded, and what was padded has no weight in the loss, so
// that the loss is the mean over the images that are there, as in PyTorch.
//
// # Errors
//
// Everything returns errors; the graph code inside panics, and package mesh turns that into errors.
//
// # Determinism
//
// A result is a pure function of features or images, options and seed, on one engine and number of devices; on
// another it differs by rounding.
package classify
