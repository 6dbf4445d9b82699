package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/host/lock"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// MayWrite refuses files that are there, unless force says to write over them, and those that could not be written. It is asked
// before the work whose result they are.
func MayWrite(force bool, paths ...string) error {
	for _, path := range paths {
		if path == "" {
			return errors.New("the name of a file to write is empty: want one")
		}
		info, err := os.Lstat(path)
		switch {
		case err == nil && !force:
			return fmt.Errorf("%s is there already: choose another name, or --force", path)
		case err == nil && info.IsDir():
			return fmt.Errorf("%s is a folder, which no file replaces: choose another name", path)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := checkFolder(filepath.Dir(path)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if f, err := regular.Open(path + TempSuffix); err == nil {
			held := lock.TryShared(f)
			if f.Close(); errors.Is(held, lock.ErrHeld) {
				return fmt.Errorf("%s: %w", path, ErrWritten)
			}
		}
	}
	return nil
}

// checkFolder refuses a folder in which no file can be made.
func checkFolder(dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s", dir)
	}
	probe, err := os.CreateTemp(dir, ".mocotpu-probe-*")
	if err != nil {
		return fmt.Errorf("no file can be made there: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// Outside refuses a folder to make that is within the one that is read: it would be read, too, the next time.
func Outside(input, output string) error {
	in, err := filepath.EvalSymlinks(input)
	if err != nil {
		return nil // who reads it says so
	}
	for dir := filepath.Clean(output); ; dir = filepath.Dir(dir) {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil && dir != filepath.Dir(dir) { // it is to be made
			continue
		}
		in, real := absolute(in), absolute(real)
		if relative, err := filepath.Rel(in, real); err == nil && filepath.IsLocal(relative) {
			return fmt.Errorf("%s is within %s, which is read: choose a folder outside", output, input)
		}
		return nil
	}
}

// absolute is a path from the root on; as it is where the working folder is gone.
func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// Apart refuses files to write that are the one that is read.
func Apart(input string, outputs ...string) error {
	read, err := os.Stat(input)
	if err != nil {
		return nil // who reads it says so
	}
	for _, path := range outputs {
		if info, err := os.Stat(path); err == nil && os.SameFile(read, info) {
			return fmt.Errorf("%s is what is read: choose another name for what is written", path)
		}
	}
	return nil
}
