// Package cpuplugin builds mocotpu's own PJRT CPU plugin: C++ under src, embedded in the binary, over the XLA that
// the TensorFlow wheel of PyPI exports.
//
// It is what `mocotpu setup cpu` falls back on where go-xla's prebuilt plugin cannot be downloaded. It serves what
// go-xla calls, what reading a compiled program needs (memory statistics, cost, the optimized program), and what keeping
// one does (to serialize it, and to load it again); every other function of PJRT answers UNIMPLEMENTED with its own name.
//
// The client takes the options cpu_device_count (int64: virtual devices with real collectives between them; default 1,
// or what XLA_FLAGS=--xla_force_host_platform_device_count says) and asynchronous (bool, default true).
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
