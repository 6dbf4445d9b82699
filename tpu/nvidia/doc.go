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
// Peaks and bandwidths were written down from memory of the sources that each GPU names. NVIDIA's own pages were not at hand to
// compare them with: check one before money hangs on it. On 2026-11-29 they were compared with pages that quote NVIDIA:
//   - multiprocessors, clock, peaks, bandwidth and links of the a100, a100-40 and h100 agree with glennklockwood.com/garden/processors
//     (A100, h100), which names the data sheet and the white papers;
//   - multiprocessors, clock, float32 and bandwidth of the t4, l4, l40s, rtx3090, rtx4090 and rtx5090 agree with several pages
//     of tables, as do multiprocessors and bandwidth of the h200, multiprocessors and clock of the rtx3070, and multiprocessors of the rtx4080. Peaks of the l40s's tensor
//     cores are 1 % above ours there, being computed from the clock;
//   - the bandwidth of the b200 is 8 TB/s on most pages, and 7.7 here, as a GPU of NVIDIA's HGX boards has it;
//   - of the a10g only memory and bandwidth were found, and nothing of the h100-pcie's peaks, of the tensor cores of RTX cards with
//     sums in float32, of the memory that drivers leave, and of networks.
//
// Peaks are of dense arithmetic: data sheets give twice that for sparse matrices. What XLA has to know of a GPU besides (shared memory, threads, caches) is that of its compute capability in the CUDA programming guide. GPUs that the
// pinned compiler has no code for are left out: CUDA 13 dropped those before compute capability 7.5, such as the V100.
//
// # Errors
//
// Lookup's error lists the names there are. Open fails with xla.ErrNoPlugin where the CUDA plugin
// is not installed.
package nvidia
