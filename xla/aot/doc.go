// Package aot compiles a program ahead of time and keeps what the compiler said about it: memory, cost, and the program
// before and after; or why it does not fit.
//
//	c, err := aot.Compile(engine, "v3-8", store, func() error { return build(engine) })
//	module, err := c.Module()
//
// A Store remembers compilations by the text of the program, the compiler's version and the target, on disk. Asking for
// one again builds the program, and stops before the compiler.
//
// # Errors
//
// A program that does not fit the device's memory is no error: Compilation.Failure has the compiler's text. Whatever
// else is wrong is one.
package aot
