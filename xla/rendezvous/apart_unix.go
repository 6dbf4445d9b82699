//go:build unix && !linux

package rendezvous

import "syscall"

// apart keeps the terminal's signals from a process, since its launcher passes them on.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
