package rendezvous

import "syscall"

// apart keeps the terminal's signals from a process, which gets them from its launcher, and ends it with that.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
