package rendezvous

import "syscall"

// apart keeps the console's interrupt from a process, which gets it from its launcher.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
