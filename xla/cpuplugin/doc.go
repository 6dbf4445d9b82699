// Package cpuplugin builds mocotpu's own PJRT CPU plugin: C++ under src, embedded in the binary, over the XLA that
// the TensorFlow wheel of PyPI exports, with oneDNN's convolutions.
//
// It is what `mocotpu setup cpu` installs where there is a compiler. It serves what
// go-xla calls, what reading a compiled program needs (memory statistics, cost, the optimized program), and what keeping
// one does (to serialize it, and to load it again); every other function of PJRT answers UNIMPLEMENTED with its own name.
//
// The client takes the options cpu_device_count (int64: virtual devices with real collectives between them; default 1,
// or what XLA_FLAGS=--xla_force_host_platform_device_count says) and asynchronous (bool, default true).
//
// # Convolutions
//
// Convolutions in two dimensions, and their gradients, are oneDNN's, whose kernels are written at run time for the
// processor: those of float32, and of bfloat16 where the processor multiplies it (AVX512-BF16). XLA has Eigen's, for
// float32 alone, and transposes both operands of a kernel's gradient for them. To that end functions of XLA's are
// defined again in the plugin, where the dynamic linker finds them first (src/convolution). The work is shared by XLA's
// own threads. Results depend on the number of threads, by rounding, in the gradients of kernels only.
//
// On processors with AVX2 and without AVX-512, float32 gradients of kernels whose channels in are a multiple of 16 are the
// plugin's own (src/convolution/gradient.h), where oneDNN's take longer.
// MOCOTPU_CPU_CONVOLUTIONS=onednn in the environment leaves these to oneDNN, and xla all convolutions to XLA.
//
// # Memory
//
// Arrays of 4 MB and more are in huge pages where Linux gives them, and their memory is kept for later ones of the same
// size (src/memory): otherwise the system clears the pages of all temporaries at every step. At most an eighth of what
// the process may use is kept, and none of it when a program or a client is destroyed. MOCOTPU_MEMORY says, in bytes, what the
// process may use; package xla sets it to the container's limit, and without it the machine's memory counts. Programs of
// convolutions are kept as well, 2048 at most.
//
// # Errors
//
// What would hang or abort the process is refused with INVALID_ARGUMENT where it can be seen beforehand: a device
// assignment that names a device twice, a collective-permute to a device that does not exist, arguments of the wrong
// size or on the wrong device in a launch on several devices. Two things still abort: an unknown word in XLA_FLAGS,
// and no memory for what a program computes.
//
// # Several devices
//
// The collective operations are the plugin's own (src/collectives), with XLA's arithmetic, bit for bit. A program starts on
// its devices when no device runs the last one any more. When one fails, the others stop waiting for it, and its error
// names it. When some wait and none moves, that is reported (mocotpu_set_notice, or standard error), then the program
// fails; a device that runs on may read the program's arguments (mocotpu_stragglers), and the client executes nothing more.
// The times are XLA's flags, whose defaults are 20 and 40 s; package xla says which it sets.
//
// For tests, MOCOTPU_CPU_FAULT makes a device of the next client fail, come late, never arrive or not start:
// src/collectives/fault.cc.
//
// # Several processes
//
// Where g++ found Gloo (libgloo-dev), a client can be one of several processes (src/gloo): num_nodes and node_id (int64),
// gloo_host (string, this machine's address; default 127.0.0.1), gloo_timeout_seconds (int64, default 1800) and the
// caller's key-value callbacks, of which get and put are used. Every process has the same number of devices. Collective
// operations that span processes go over TCP, each device to each, unencrypted; sums are taken in the order of devices
// with the arithmetic of those within a process, so that the numbers do not depend on how devices are spread. A process
// that is gone is UNAVAILABLE at the others at once, one that does not come after the time limit or after XLA's
// --xla_cpu_collective_timeout_seconds, if that is less.
//
// # Not there
//
// The collective_broadcast operation does not exist in XLA's CPU engine.
package cpuplugin
