// Package programs keeps what compilers made on disk, so that nothing is compiled twice: programs that engines run, and
// compilations ahead of time, for reports. There is one folder, with one limit of its size.
//
//	store, err := programs.Default()
//	e, err := xla.Open("cpu", xla.Options{Programs: store})
//
// A program is found by its [Key], which begins with its [Kind]: whoever asks puts into it whatever changes what a compiler
// makes. An engine that does not find one claims it before it compiles ([Store.GetOrClaim]), so that others wait for it.
//
// # Saved programs
//
// A program can also be saved in a file of its own ([Encode], [OpenSaved]), which says what it was compiled from and for: it
// is compared with what it is wanted for, and refused by name, before it is read.
//
// # Safety
//
// A program is code, and is run. So the folder must be the user's and writable by nobody else; it is made so (0700), and
// one that is not is refused. A file is checked against its SHA-256, which covers its key, before anyone loads it. The file of
// a saved program must be the user's in the same way; its checksums find damage, and prove nothing about who made it.
//
// # Errors
//
// Nothing should fail for want of a program in a store: each error of one means compiling. [Store.Tell] is for saying so, once.
// A saved program was asked for: an error about it is settings.ErrInvalid, and what, got, want, what to do.
package programs
