//go:build unix

package guard

import "golang.org/x/sys/unix"

// outputGone tells whether nobody reads standard output or standard error any more. A library's connection that breaks, such
// as Gloo's to another process of a run, raises SIGPIPE as well.
func outputGone() bool {
	ends := []unix.PollFd{{Fd: 1}, {Fd: 2}}
	for {
		_, err := unix.Poll(ends, 0)
		if err != unix.EINTR {
			return err != nil || (ends[0].Revents|ends[1].Revents)&(unix.POLLERR|unix.POLLHUP) != 0
		}
	}
}
