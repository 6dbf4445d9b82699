// Package judge measures what an encoder learned: by nearest neighbours, by linear classifiers, by finetuning, beside
// baselines that learned nothing or learned with labels.
//
//	evaluate.go            [Evaluate]: all that is asked for, as a [Report]; `mocotpu eval` prints it
//	options.go             what may be asked for: protocols, baselines, their settings
//	subjects.go            what is judged: the encoder, raw pixels, the untrained and the supervised encoder
//	features.go            raw pixels as features
//	knn.go, neighbours.go  k nearest neighbours, as the monitor of the MoCo authors' CIFAR notebook finds them: rows are
//	                       L2-normalised, a neighbour of similarity s gives exp(s/T) to its class
//	products.go, heap.go   the similarities of a block of rows, and the k nearest seen so far
//	unit.go                features with rows of unit length
//	size.go                the memory and the time that a search takes
//	sweep.go               the fast linear probe: many learning rates at once over features that were computed once
//	probe.go, head.go      its programs, and the linear classifiers that they train side by side
//	images.go, protocol.go over images: the papers' linear protocol (frozen trunk), finetuning, learning from scratch
//	trainer.go             the programs of these
//	batch.go               batches as tensors, padded
//	labelfree.go           effective rank, alignment, uniformity, retrieval of the other view
//	subset.go              a share of the labels
//	fewlabels.go           exact numbers of labels, over several draws
//	tally.go, interval.go  accuracies, confusions, 95 % intervals
//	report.go, table.go    the report as JSON and as a table
//
// # Shapes
//
// Images are uint8 [n, height, width, channels], features float32 [n, dim], labels int32 [n] from 0 to classes-1.
// Programs have a fixed batch: the last one of an epoch is padded, and what was padded has no weight in the loss, so
// that the loss is the mean over the images that are there, as in PyTorch.
//
// # Errors
//
// Everything returns errors; the graph code inside panics, and package mesh turns that into errors. [ErrNotFinite] marks
// features that are NaN or infinite; settings.ErrInvalid options and images that do not suit.
//
// # Determinism
//
// A result is a pure function of features or images, options and seed, on one engine and number of devices; on another
// it differs by rounding. Ties have an order: of two rows equally similar the earlier is the nearer, of two classes
// with equal votes the lower wins.
package judge
