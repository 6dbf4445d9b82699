package main

import (
	"errors"
	"io"
	"slices"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// mayWrite keeps a command from writing over what it reads, whatever --force says, over what a user made, and from work whose
// result it could not write.
func mayWrite(force bool, reads []string, paths ...string) error {
	return settings.Invalid(errors.Join(run.CheckOutputs(reads, paths...), durable.MayWrite(force, paths...)))
}

// given are the names of files to write without those that a user left out.
func given(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// writeWhole puts what write writes at path, durably: whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	return durable.ReplaceWith(durable.Disk{}, path, write)
}
