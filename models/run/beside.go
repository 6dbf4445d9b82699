package run

import "path/filepath"

// Beside is the name of a file next to a run directory, or to a file: its path with a suffix. A folder that is called . or ..
// goes by its own name, or what is meant to lie beside it would lie in it, hidden.
func Beside(path, suffix string) string {
	path = filepath.Clean(path)
	if name := filepath.Base(path); name == "." || name == ".." {
		if own, err := filepath.Abs(path); err == nil { // else the working directory is gone
			path = own
		}
	}
	return path + suffix
}
