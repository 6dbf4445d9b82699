//go:build unix && !linux

package rendezvous

import "syscall"

// apart keeps the terminal's signals from a process, which gets them from its launcher.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
