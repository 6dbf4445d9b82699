package main

import (
	"io"
	"slices"

	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// refuseExisting keeps a command from writing over what a user made, and from work whose result it could not write.
func refuseExisting(force bool, paths ...string) error {
	return settings.Invalid(durable.MayWrite(force, paths...))
}

// refuseInput keeps a command from writing over the file that it reads, whatever --force says.
func refuseInput(input string, outputs ...string) error {
	return settings.Invalid(durable.Apart(input, outputs...))
}

// given are the names of files to write without those that a user left out.
func given(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// writeWhole puts what write writes at path, durably: whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	return durable.ReplaceWith(durable.Disk{}, path, write)
}
