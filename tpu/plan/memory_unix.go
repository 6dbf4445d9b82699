//go:build unix

package plan

import "syscall"

// mostMemory is the most resident memory that this process has had, in bytes, as Linux counts it.
func mostMemory() int64 {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return used.Maxrss << 10
}
