package limits

import (
	"math"

	"golang.org/x/sys/windows"
)

// Addresses is the number of bytes of addresses that the process may have: there is no limit.
func Addresses() int64 { return math.MaxInt64 }

// Disk is the number of bytes that this user may still write to the disk of a folder.
func Disk(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, math.MaxInt64)), nil
}
