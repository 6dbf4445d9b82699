// Package selftest finds out in minutes whether an engine computes what this program needs, on hardware that no test of ours
// has seen: it holds the engine to numbers that PyTorch and torchvision recorded, to the Go engine, to itself on other
// numbers of devices and in a second run, to the compiler's own plan of its memory, and to what a run must survive.
//
//	report, err := selftest.Run(ctx, selftest.Machine{Open: ...}, nil)
//	report.WriteTable(os.Stdout)
//
// What is recorded is part of the program: nothing is read from the disk or the network. A check that an engine cannot be
// put to is skipped, and says why. Speeds are measured and not judged.
//
// # Tolerances
//
// They depend on how many bits the engine multiplies with: see [Arithmetic]. Those of float32 are the ones of the tests;
// those of bfloat16 are twice to ten times what the CPU engine shows; those of TF32, with its two bits more, are half of them or
// less, and no engine has shown what they should be.
//
// # Errors
//
// [Run] returns the error of an engine that does not open. What else fails, and why, is in the [Report].
package selftest
