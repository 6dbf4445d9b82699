//go:build unix

package setup

import "syscall"

// syncDisks has everything that was written reach the disks.
func syncDisks() { syscall.Sync() }
