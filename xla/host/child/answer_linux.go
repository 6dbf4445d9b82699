package child

import (
	"os"

	"golang.org/x/sys/unix"
)

// keepStdout returns the file that standard output was. From now on what is printed there, by C libraries, too, goes to standard
// error.
func keepStdout() (*os.File, error) {
	kept, err := unix.FcntlInt(os.Stdout.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(kept), "answer"), unix.Dup3(int(os.Stderr.Fd()), int(os.Stdout.Fd()), 0)
}
