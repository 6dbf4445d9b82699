// Package tpu knows Cloud TPUs: what they are called, what their chips can do, and how to compile for one that is not
// there.
//
//	t, err := tpu.Lookup("v3-8")
//	e, err := tpu.Open(t, xla.Options{})   // a compute.Backend that compiles, and runs nothing
//	defer e.Close()
//
// # Names
//
// Google counts TensorCores in the names of v2, v3, v4 and v5p and chips in those of v5e and v6e: v3-8 is four chips of
// two cores, v5e-8 eight chips. libtpu's own names say the chips along each axis: "v3:2x2x1". Both are understood.
//
// A device is what a program is split over and what has memory of its own: a core on v2, v3 and (as libtpu describes
// it) v4, a chip on the others.
//
// # Errors
//
// Lookup's error lists the names there are, and matches ErrUnknown. Open fails with xla.ErrNoPlugin where libtpu is not
// installed.
package tpu
