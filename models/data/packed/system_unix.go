//go:build unix

package packed

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the first bytes of a file into memory.
func mapFile(f *os.File, size int64) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
}

// readAhead hints that these pages will be wanted. Where it fails, they are read when they are copied.
func readAhead(pages []byte) { _ = unix.Madvise(pages, unix.MADV_WILLNEED) }

func unmap(mapped []byte) error { return unix.Munmap(mapped) }

// lockedStays says that a file cannot be removed while it is open.
const lockedStays = false
