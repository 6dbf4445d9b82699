//go:build unix

package limits

import (
	"math"

	"golang.org/x/sys/unix"
)

// Addresses is the number of bytes of addresses that the process may have: ulimit -v.
func Addresses() int64 {
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &own); err != nil || own.Cur > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(own.Cur)
}

// Disk is the number of bytes that this user may still write to the disk of a folder.
func Disk(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
