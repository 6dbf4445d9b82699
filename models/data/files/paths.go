package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// Paths lists images by the paths that a user gives, in their order: a file is itself, whatever its name's ending, and a
// folder is every image below it. The list's names are paths as given, and it has no classes.
//
// The error is [data.ErrMissing] for what is not there and for a folder without an image, and [regular.ErrIrregular] for
// a pipe or a device.
func Paths(paths []string) (*List, error) {
	l := &List{}
	w := walker{list: l}
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, missing(p, "neither a file nor a folder")
		case err != nil:
			return nil, fmt.Errorf("files: %w", err)
		case info.Mode().IsRegular():
			l.add(filepath.ToSlash(p), -1, false)
			continue
		case !info.IsDir():
			return nil, fmt.Errorf("files: %s: %w: want an image's file, or a folder", p, regular.ErrIrregular)
		}
		before := l.Len()
		if err := w.walk(filepath.ToSlash(p), false, -1); err != nil {
			return nil, err
		}
		if l.Len() == before {
			return nil, missing(p, noImages(p, l))
		}
	}
	return l, nil
}
