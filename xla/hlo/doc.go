// Package hlo reads the program that XLA's compiler made (an HloModuleProto): which collectives it has, on how many
// images its convolutions run, which arguments share memory with outputs.
//
// A module is one device's program. Shapes and bytes are therefore those of one device.
//
// The reader knows only the fields it needs and skips the rest, so programs of newer and older XLA versions can be
// read. It uses neither cgo nor XLA.
//
// # Errors
//
// Read fails on bytes that are no protobuf, on a module without computations, and on a format other than "hlo" and
// "hlo_with_config". A method on a Module does not fail.
//
// # Determinism
//
// Everything is listed in the order of the module.
package hlo
