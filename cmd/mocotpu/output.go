package main

import (
	"io"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// refuseExisting keeps a command from writing over what a user made, and from work whose result it could not write.
func refuseExisting(force bool, paths ...string) error {
	return usage(durable.MayWrite(force, paths...))
}

// refuseInput keeps a command from writing over the file that it reads, whatever --force says.
func refuseInput(input string, outputs ...string) error {
	return usage(durable.Apart(input, outputs...))
}

// usage makes an error one of what the user asked for.
func usage(err error) error {
	if err != nil {
		err = usageError{err}
	}
	return err
}

// writeWhole puts what write writes at path, durably: whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	return durable.ReplaceWith(durable.Disk{}, path, write)
}
