package rendezvous

import "syscall"

// apart keeps the console's interrupt from a process, since its launcher passes it on.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
