//go:build unix

package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func take(f *os.File, k kind) error {
	how := unix.LOCK_EX
	if k.shared {
		how = unix.LOCK_SH
	}
	if !k.wait {
		how |= unix.LOCK_NB
	}
	for {
		err := unix.Flock(int(f.Fd()), how)
		switch {
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrHeld
		case errors.Is(err, unix.EINTR): // a signal that Go's runtime sends itself
			continue
		}
		return err
	}
}
