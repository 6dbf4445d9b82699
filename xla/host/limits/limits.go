// Package limits says what this process may take of the machine it is on: the memory and the CPUs of its container
// (cgroup v1 and v2), not those of the machine, and the room that a disk has for it.
//
// # Errors
//
// [Disk] alone returns an error: of memory and CPUs, what cannot be read bounds nothing.
package limits

import (
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// Memory is the number of bytes that this process may use: the least of the machine's memory, the limits of its cgroup
// and of those above it, and its own limit on address space (ulimit -v). It is math.MaxInt64 where nothing says so. It is read
// once: a limit does not change under a running process without its owner's doing.
var Memory = sync.OnceValue(func() int64 {
	return min(memoryOf(os.DirFS("/")), Addresses())
})

// CPUs is the number of threads that this process can keep busy. Go's scheduler follows the CPU set and, on Linux, the
// cgroup's quota, rounded up and at least 2; GOMAXPROCS in the environment overrides both.
func CPUs() int { return runtime.GOMAXPROCS(0) }

// memoryOf is what the files of a machine say: root is its root folder.
func memoryOf(root fs.FS) int64 {
	most := machineMemory(root)
	for _, limit := range cgroupMemory(root) {
		most = min(most, limit)
	}
	return most
}

// Apply has Go collect garbage rather than grow beyond what the container has, unless the user says otherwise.
func Apply() {
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(Memory() / 10 * 9)
	}
}
