// Package stablehlo reads the text of a StableHLO program as far as it takes to add something to it: the signature of
// @main, and where each of its operations begins and ends; and to make its mesh a wider one. It knows brackets, strings,
// comments and locations, and no operation by name.
//
// # Errors
//
// Main fails on a text without @main or with a signature that it cannot read. Operations fails on a body in another form
// than MLIR's generic one ("stablehlo.add"(%0, %1) : ... -> ...), the one that go-xla writes, and Widen on another header
// than go-xla's.
package stablehlo
