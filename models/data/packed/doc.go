// Package packed keeps a data set as arrays that are mapped into memory: decoded once, then read at the speed of memory, by NumPy as well.
//
// A packed set is a folder:
//
//	images.npy   uint8 [N, S, S, 3], RGB, or [N, S, S, 1], gray, each image squeezed to the square
//	aspect.npy   float32 [N], each original's width over its height
//	labels.npy   int32 [N], the classes' numbers; not there for images without classes
//	meta.json    [Meta]: classes, where the images came from, checksums, the broken images left out
//
// [Pack] makes one, [Open] maps it, [Verify] reads it against its checksums.
//
// # Squeezed, not cropped
//
// Squeezing keeps the whole image: a crop box relative to the canvas is the same box of the original, and with the aspect known its area and ratio can be drawn on the original. What a canvas loses is detail: a box holds no more pixels than the canvas has there.
//
// # Errors
//
// [data.ErrMissing] where there is no packed set, [data.ErrCorrupt] for one that breaks the format, [ErrChecksum] for bytes that have changed since they were packed, [ErrDiskSpace] where a set would not fit.
//
// # Determinism
//
// The bytes depend on the files, the canvas with its channels and window, and the library that decodes JPEGs; not on the workers, nor on whether packing was interrupted.
package packed
