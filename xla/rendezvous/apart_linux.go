package rendezvous

import "syscall"

// apart keeps the terminal's signals from a process, since its launcher passes them on. The process ends with the launcher.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
