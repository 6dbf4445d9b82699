// Package plan compiles a program ahead of time and says what it will need and take: memory of a device against what it has,
// the largest temporaries and the layers they come from, the exchanges among devices, and the time of a step if everything
// were ideal. It works for TPUs and GPUs that are not there as for engines that are.
//
//	func main() {
//		if plan.Serve(build) { // this process was started to compile
//			return
//		}
//		store, err := programs.Default()
//		_, p, err := plan.InChild(ctx, plan.Request{Topology: "v3-8", Source: source, Program: plan.Program{...}}, store, 30*time.Minute)
//		err = p.WriteText(os.Stdout, nil)
//	}
//
//	// build compiles the one program that source describes.
//	func build(e *xla.Engine, source []byte) error { ... }
//
// [InChild] compiles in a child process, which is this program again: its main function must begin with [Serve]. [Compile]
// does it in this process. Both keep compilations in a store, by the text of the program, the compiler and the target. Asking
// for one again builds the program, and stops before the compiler. [Fit] searches what fits, and [OutOfMemory] explains why
// something did not.
//
// # Units
//
// Bytes, floating-point operations and seconds are those of one device and one step. The text has MiB of 2^20 bytes and
// GB of 10^9.
//
// # What is ideal
//
// A step takes at least its operations at the peak rate, its memory traffic at the peak bandwidth, and its exchanges at
// the links' bandwidth, each alone; the longest of the three is the step's ideal time if the others hide behind it.
// Operations and traffic are XLA's own count, for GPUs package hlo's; exchanges are modelled, see Collective. Real steps take
// longer.
//
// # GPUs
//
// The CUDA plugin compiles without a GPU, and then times nothing: which algorithm of cuDNN a convolution takes, and how much
// scratch memory, stays open, and so do the tiles of products. The peak is a lower bound. A GPU runs kernels one after the
// other, so its ideal step is the sum of their rooflines, see Kernels; starting one takes about 2 us, which is assumed and not
// measured. A program that takes more memory than the engine does compiles all the same, after XLA has made it compute again
// what it can: whether it fits is the peak against Target.Usable.
//
// # Errors
//
// A program that does not fit the device's memory is no error: see Compilation.Failure and Plan.Advice. Whatever else is
// wrong is one.
package plan
