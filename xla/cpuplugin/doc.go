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
// MOCOTPU_CPU_CONVOLUTIONS=xla in the environment leaves all of them to XLA.
//
// # Memory
//
// Arrays of 4 MB and more are in huge pages where Linux gives them, and their memory is kept for later ones of the same
// size, up to an eighth of the machine's (src/memory): otherwise the system clears the pages of all temporaries at every
// step.
//
// # Errors
//
// What would hang or abort the process is refused with INVALID_ARGUMENT where it can be seen beforehand: a device
// assignment that names a device twice, a collective-permute to a device that does not exist, arguments of the wrong
// size or on the wrong device in a launch on several devices. Two things still abort: an unknown word in XLA_FLAGS,
// and a device that does not reach a collective within 60 s
// (--xla_cpu_collective_call_terminate_timeout_seconds).
//
// # Not there
//
// The collective_broadcast operation does not exist in XLA's CPU engine.
package cpuplugin
