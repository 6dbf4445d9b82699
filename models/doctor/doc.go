// Package doctor examines a data set before anything trains on it: duplicates, test images among the training images,
// images that show nothing, and how to train on it.
//
//	examine.go     [Examine]: all of it, as a [Report]; `mocotpu data doctor` prints it
//	open.go        the splits of a set, image files as thumbnails
//	own.go         what images are by themselves: sizes, channels, bits
//	scan.go        one look at each image: counts, means, what is kept of it
//	describe.go    what is kept: a hash of the pixels, a gray picture of 16x16, 256 bits of that
//	pairs.go       near duplicates, by these
//	findings.go    duplicates within a split, leaks between them, false negatives in a queue
//	seen.go        pairs that an encoder sees as one picture
//	neighbours.go  nearest neighbours with the leaked images and without
//	look.go        [Look]: what `train --preset=auto` goes by
//	report.go      the report, for programs and for people
//
// # Duplicates
//
// Exact duplicates have the same pixels. Near duplicates are the same picture in another size, in another encoding,
// brighter or with more contrast: in gray, of 16x16 pixels and less their means, they are at the cosine 0.98 or above.
// That is as fine as the perceptual hash PDQ looks (Meta 2019), which keeps 256 bits of 16x16 coefficients. Another crop
// of a picture is not found.
//
// # Memory
//
// Images are read once, 256 at a time, and some 400 bytes are kept of each: 0.5 GB for ImageNet.
//
// # Errors
//
// Everything returns errors. Callers may act on settings.ErrInvalid, data.ErrMissing and data.ErrCorrupt.
//
// # Determinism
//
// A report is a pure function of the images, the library that decodes JPEGs and, for nearest neighbours, the engine, up to
// rounding. A pair at the cosine 0.98 exactly is missed once in 900.
package doctor
