//go:build unix

package child

import (
	"os"
	"syscall"
)

// kill ends a child and all in its process group.
func kill(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
