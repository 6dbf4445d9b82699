// Package eval judges features by their nearest neighbours, as the monitor of
// the MoCo authors' CIFAR notebook does: rows are L2-normalised, each query asks
// the k most similar rows of a labelled bank, a neighbour of similarity s gives
// exp(s/T) to its class, and the class with most wins.
//
// Anything that has features can be judged: see [Embedder]. Raw pixels are the
// baseline, [Pixels], and go through the same code.
//
// # Shapes
//
// Images are uint8 [n, height, width, channels]. [Features] are float32
// [n, dim]. Labels are [n], from 0 to classes-1.
//
// # Errors
//
// Everything returns errors. [ErrNotFinite] marks features that are NaN or
// infinite.
//
// # Determinism
//
// Ties have an order: of two rows equally similar the earlier is the nearer, of
// two classes with equal votes the lower wins. Results do not depend on
// scheduling; on another engine similarities differ by rounding.
package eval
