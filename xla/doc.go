// Package xla opens an engine for GoMLX graphs (Go, XLA on CPU, CUDA or TPU) and reads the programs it compiles.
//
//	e, err := xla.Open("cpu", xla.Options{Devices: 8})
//	defer e.Close()
//	exec, err := model.NewExec(e, store, step)       // an Engine is a compute.Backend
//	...
//	module, err := e.Programs()[0].Optimized()       // what the compiler made of it
//	for _, c := range module.Collectives() { ... }
//
// Every PJRT plugin is opened through a table of functions of ours, a copy of the plugin's in which the client's Compile
// is replaced. There the state's arguments are marked as donated (Engine.Donate), programs that would end the process
// are refused, and the executable is kept for reading and for the next process: go-xla has no calls for any of it.
//
// What was compiled can be kept for the next process (Options.Programs): a program of the same text is then loaded, where
// plugin, devices, environment and processor are the same. Its numbers are the same, bit for bit, and it reads the same. One
// process compiles what is kept; others that want the same program wait for it, at most ten minutes, and load it: so do the
// processes of a run on the CPU. On GPUs each has programs of its own, for its devices.
//
// A program can also be saved in a file (Program.Save), for an engine that is opened with it (Options.Saved): it is loaded
// there in place of compiling, or refused by what differs. What libtpu compiled for a topology can be saved, too.
//
// OpenTopology opens libtpu's compiler for a TPU that is not there: an engine that compiles and reads programs, and runs
// none.
//
// # Errors
//
// A plugin that is not installed is an ErrNoPlugin; a failed PJRT call is an *Error with PJRT's code and text. GoMLX
// wraps them: use errors.Is and errors.As.
//
// A program on several devices of our CPU plugin ends when one of them fails: the error names the device. Where one does
// not arrive at a collective operation, standard error says so after 20 seconds, with which devices wait where, and the
// execution fails with DeadlineExceeded after a minute for every device that a core has to serve, at most ten. XLA's flags
// change both times, for the process (--xla_cpu_collective_call_warn_stuck_timeout_seconds and
// --xla_cpu_collective_call_terminate_timeout_seconds in XLA_FLAGS). Programs on several devices run one at a time.
//
// XLA ends the process, with no error, in these cases:
//   - a device does not arrive at a collective operation in go-xla's prebuilt CPU plugin, after the same two times;
//   - the host has no memory for what a program on the CPU computes;
//   - a word in XLA_FLAGS is unknown or wrong. Open refuses unknown words, words without a value, and a missing flag
//     file; a value of the wrong type still ends the process;
//   - libtpu finds its lock file held by another process (ALLOW_MULTIPLE_LIBTPU_LOAD=1 lets it go on), or traps inside
//     its compiler.
//
// # Lifetimes
//
// An engine owns what is made with it. Close frees buffers and executables before the client, whatever Go variables
// still refer to them; the garbage collector frees single ones earlier. An engine that is not closed lives as long as
// the process. Plugins are never unloaded.
//
// # Environment
//
// Opening cpu sets TF_ENABLE_ONEDNN_OPTS to 0 unless the user has set it, which keeps the library quiet, and adds to
// XLA_FLAGS while the first client is made. Other uses of go-xla's plugins in the same process must not run at the same
// time as Open: registering a plugin takes no lock.
package xla
