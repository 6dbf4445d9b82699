// Package data holds labelled image sets in memory and where they come from.
//
// [Open] reads MNIST and EMNIST (IDX files), CIFAR-10 and CIFAR-100 (the binary version) and draws glyphs, a set of 62 characters that needs no file. [Get] downloads the files of the others.
//
// A [Source] gives images by number: a [Set] from memory, package files by decoding them, package packed from mapped files.
//
// A [Set] is one block of uint8 pixels shaped [N, Size, Size, Channels], row by row, channels innermost, and one label per image. Images keep their published size (28x28x1, 32x32x3): padding, channel repetition and normalisation belong to the compiled step, so that an image travels to the device once and as bytes.
//
// # Determinism
//
// A set depends on its files and [Options] alone. Glyphs and [Order] are pure functions of their arguments, the same bytes on any number of CPUs; the recorded checksum of glyphs is amd64's (on other machines a compiler may fuse multiply and add, and move a pixel by one).
//
// # Errors
//
// A file that breaks its format gives [ErrCorrupt], one that is not there [ErrMissing], a download with other bytes than the published ones [ErrChecksum]; each message names the file, what was got and what was wanted. A header is never trusted with memory: what it promises is held against what the file can hold before anything is allocated.
package data
