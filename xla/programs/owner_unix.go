//go:build unix

package programs

import (
	"io/fs"
	"syscall"
)

// ownerOf is the number of the user that a folder belongs to, where the system has such.
func ownerOf(info fs.FileInfo) (user int, known bool) {
	s, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return int(s.Uid), true
}
