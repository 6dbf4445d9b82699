package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// refuseExisting keeps a command from writing over what a user made, before it begins its work.
func refuseExisting(force bool, paths ...string) error {
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil && !force {
			return usageError{fmt.Errorf("%s is there already: choose another name, or --force", path)}
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return usageError{err}
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return usageError{fmt.Errorf("%s: there is no folder %s", path, filepath.Dir(path))}
		}
	}
	return nil
}

// writeWhole puts what write writes at path, durably: whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	return durable.ReplaceWith(durable.Disk{}, path, write)
}
