// Package encoder opens a trained encoder and turns images into features: what a program or a notebook uses.
//
//	b, err := xla.Open("auto", xla.Options{})
//	e, err := encoder.Open(b, "runs/cifar10-20261124-101500", encoder.Options{})
//	defer e.Close()
//	embedding, err := e.Embed(pixels, n) // or e.EmbedAll of a data.Source
//	features := embedding.Trunk          // embedding.Head has the projections
//
// The pixels of an image file come from package picture, in any size. The canvas of the manifest, that of training, loses
// least:
//
//	canvas := e.Manifest().Canvas()
//	d, err := picture.NewDecoder(canvas, picture.Best())
//	defer d.Close()
//	pixels := make([]uint8, canvas.Size*canvas.Size*canvas.Depth())
//	_, err = d.Squeeze(pixels, file)
//
// A trained encoder is a run directory, of which the query encoder of the newest good checkpoint is taken, or a file
// that `mocotpu export --format=safetensors` or `mocotpu import` wrote.
//
// # Shapes
//
// Images are uint8 [n, size, size, channels], flat and row-major, any n and size, 1 or 3 channels. Features are
// float32 [n, dim].
//
// # Errors
//
// Everything returns errors; callers may act on [ErrNotEncoder] and [ErrEngine], and for a run directory on run.ErrNotRun
// and package checkpoint's.
//
// # Determinism
//
// BatchNorm uses its running statistics, so an image's features do not depend on the images beside it. Engines differ
// by rounding.
package encoder
