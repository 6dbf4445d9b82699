package data

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrCorrupt is wrapped by the error for a file that breaks its format.
	ErrCorrupt = errors.New("corrupt data file")
	// ErrUnread is wrapped by the error for images that may be whole, of a kind that is not read.
	ErrUnread = errors.New("images of a kind that is not read")
	// ErrMissing is wrapped by the error for a set whose files are not there; [Get] fetches them.
	ErrMissing = errors.New("data files missing")
)

// Options narrow or vary a set. The zero value is the whole published set, or the usual glyphs.
type Options struct {
	// N is the number of images: the first N of a set of files (default all), or how many glyphs to draw (default 12000 for train, 2000 for test; at most 1048576).
	N int
	// Seed varies the glyphs; files ignore it.
	Seed uint64
	// Hard draws glyphs in fully random colours, bright on dark or dark on bright; files ignore it.
	Hard bool
}

// names returns what [Open] takes for a name.
func names() []string {
	names := []string{"glyphs", "mnist", "emnist", "cifar10", "cifar100"}
	for _, split := range emnistSplits {
		names = append(names, "emnist/"+split.name)
	}
	return names
}

// Open loads a set: glyphs, mnist, emnist (the same as emnist/byclass), emnist/ and a split (byclass, bymerge, balanced, letters, digits, mnist), cifar10 or cifar100. split is "train" or "test".
//
// dir is the folder of the published files, as they were downloaded or unpacked; glyphs ignores it. The errors wrap [ErrMissing] and [ErrCorrupt].
func Open(name, dir, split string, o Options) (*Set, error) {
	if split != "train" && split != "test" {
		return nil, fmt.Errorf("data: %s: got split %q, want train or test", name, split)
	}
	if name == "glyphs" {
		return drawGlyphs(split, o)
	}
	s, err := openFiles(name, dir, split)
	if err != nil {
		return nil, err
	}
	return s.first(o.N)
}

func openFiles(name, dir, split string) (*Set, error) {
	switch family, part, found := strings.Cut(name, "/"); {
	case name == "mnist":
		return mnist.open(dir, split)
	case family == "emnist":
		if !found {
			part = "byclass"
		}
		i := slices.IndexFunc(emnistSplits, func(e emnistSplit) bool { return e.name == part })
		if i >= 0 {
			return emnistSplits[i].set().open(dir, split)
		}
	case name == "cifar10":
		return cifar10.open(dir, split)
	case name == "cifar100":
		return cifar100.open(dir, split)
	}
	return nil, unknown(name, names())
}

func unknown(name string, want []string) error {
	return fmt.Errorf("data: got set %q, want one of %s", name, strings.Join(want, ", "))
}

// corrupt returns the error for a file that breaks its format.
func corrupt(file, format string, args ...any) error {
	return fmt.Errorf("data: %s: %s: %w", file, fmt.Sprintf(format, args...), ErrCorrupt)
}

// missing returns the error for files that are not there. set is what Get calls it.
func missing(set, dir string, lookedFor []string) error {
	return fmt.Errorf("data: %s: none of %s in %q: %w: to download them, mocotpu data get %s", set, strings.Join(lookedFor, ", "), dir, ErrMissing, set)
}
