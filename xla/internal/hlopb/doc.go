// Package hlopb holds the messages and fields of XLA's hlo.proto, xla_data.proto and compile_options.proto that package
// hlo reads, generated from hlo.proto here (make generate). Names, numbers and types are XLA's; everything else in a
// program is skipped.
//
// The messages are registered as mocotpu.hlo, not xla, since go-xla registers XLA's, and Go's protobuf registry takes a
// name once.
package hlopb
