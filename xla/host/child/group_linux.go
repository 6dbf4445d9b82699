package child

import "syscall"

// attributes give a child a process group of its own, and the end of this process as its own.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
