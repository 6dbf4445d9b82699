package child

import (
	"os"
	"syscall"
)

// attributes give a child a process group of its own, so that the console's interrupt is this process's alone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// kill ends a child; what the child has started goes on.
func kill(p *os.Process) error { return p.Kill() }
