// Package nvidia knows NVIDIA's GPUs: what they are called, what they can do, and how to compile for some that are not there.
//
//	g, err := nvidia.Lookup("h100x8")
//	e, err := nvidia.Open(g, xla.Options{})   // a compute.Backend that compiles, and runs nothing
//	defer e.Close()
//
// # Names
//
// h100 is one GPU, h100x8 eight GPUs of one host, h100x8x2 two such hosts. A name without a form means the one for servers:
// h100 is the SXM board, h100-pcie the card; a100 is the 80 GB board, a100-40 the older one. A device is one GPU.
//
// # Figures
//
// Peaks and bandwidths were written down from memory of the sources that each GPU names, and not compared with them since:
// check one before money hangs on it. Peaks are of dense arithmetic: data sheets give twice that for sparse matrices. What XLA has to know of a GPU
// besides (shared memory, threads, caches) is that of its compute capability in the CUDA programming guide. GPUs that the
// pinned compiler has no code for are left out: CUDA 13 dropped those before compute capability 7.5, such as the V100.
//
// # Errors
//
// Lookup's error lists the names there are. Open fails with xla.ErrNoPlugin where the CUDA plugin
// is not installed.
package nvidia
