// Package plan says what a compiled program will need and take: memory of a device against what it has, the largest
// temporaries and the layers they come from, the exchanges among devices, and the time of a step if everything were
// ideal. It works on compilations of package aot, for TPUs that are not there as for engines that are.
//
//	p, err := plan.Of(compilation, plan.TPU(topology, devices), plan.Program{...})
//	err = p.WriteText(os.Stdout)
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
// Operations and traffic are XLA's own count; exchanges are modelled, see Collective. Real steps take longer.
package plan
