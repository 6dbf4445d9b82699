package data

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Published says of a folder without images what files of a published set it holds, and how they are read; "" where it holds
// none that are known here. It looks at names alone.
func Published(dir string) string {
	has := func(names ...string) bool { return slices.ContainsFunc(names, isIn(dir)) }
	byName := func(set string) string {
		kind, _, _ := strings.Cut(set, "/")
		return fmt.Sprintf("it holds the files of %s, which are read by the set's name: data doctor %[1]s --data-dir=%s, or train --data=%[1]s with the files in data/%[3]s", set, dir, kind)
	}
	for _, c := range []cifarSet{cifar10, cifar100} {
		binary := c.files["test"][0]
		switch {
		case has(binary, path.Join(c.folder, binary), c.archive):
			return byName(c.name)
		case c.isPython(dir):
			return c.wantBinary()
		}
	}
	sets := []idxSet{mnist}
	for _, split := range emnistSplits {
		sets = append(sets, split.set())
	}
	for _, x := range sets {
		for _, folder := range x.folders {
			for _, file := range x.files {
				name := path.Join(folder, fmt.Sprintf(file, "images-idx3"))
				if has(name, name+".gz") {
					return byName(x.name)
				}
			}
		}
	}
	if has(emnistArchive) {
		return byName("emnist")
	}
	return ""
}

// isPython tells whether a folder holds the version for Python: its archive, its folder, or the files of that.
func (c cifarSet) isPython(dir string) bool {
	is := isIn(dir)
	return is(c.python.folder) || is(c.python.archive) || !slices.ContainsFunc(c.python.files, func(name string) bool { return !is(name) })
}

// isIn tells of names with slashes whether they are in a folder.
func isIn(dir string) func(name string) bool {
	return func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		return err == nil
	}
}

// wantBinary is what to do with the version for Python.
func (c cifarSet) wantBinary() string {
	return fmt.Sprintf("it holds the Python version of %s, want the binary version: mocotpu data get %[1]s downloads it", c.name)
}
