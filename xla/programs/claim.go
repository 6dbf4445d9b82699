package programs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/lock"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

const (
	claimLimit = 10 * time.Minute        // compiling takes seconds, and minutes for a large network on a slow host
	claimLook  = 50 * time.Millisecond   // between two looks at whether it is free
	claimTold  = 20 * time.Second        // before the wait is told
	claimed    = ".claimed" + tempSuffix // evict removes what is left of it
)

// Claim keeps others from compiling a program at the same time, in this process and in others: it waits for whoever has
// claimed it, at most ten minutes, or until that process ends. Get may find the program then. The caller gives the claim back
// by calling release, after Put. told is called once where the wait is long. An error means that nothing is claimed.
func (s *Store) Claim(key string, told func()) (release func(), err error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	name := filepath.Join(s.Dir, key+claimed)
	for begun := time.Now(); ; time.Sleep(claimLook) {
		f, err := claim(name)
		if err != nil {
			return nil, fmt.Errorf("programs: %w", err)
		}
		if f != nil {
			return func() {
				_ = os.Remove(name) // first: who gets its lock afterwards sees that the file is not there any more
				_ = f.Close()
			}, nil
		}
		waited := time.Since(begun)
		if waited > claimLimit {
			return nil, fmt.Errorf("programs: %s is still being compiled by another process after %s", name, claimLimit)
		}
		if waited > claimTold && told != nil {
			told()
			told = nil
		}
	}
}

// claim locks a file, and returns nil where another has the lock, or had it and has removed the file.
func claim(name string) (*os.File, error) {
	f, err := regular.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = lock.Try(f)
	if errors.Is(err, lock.ErrHeld) {
		return nil, f.Close()
	}
	var mine fs.FileInfo
	if err == nil {
		mine, err = f.Stat()
	}
	if err != nil { // such as a file system without locks
		return nil, errors.Join(err, f.Close())
	}
	if there, err := os.Lstat(name); err == nil && os.SameFile(mine, there) {
		return f, nil
	}
	return nil, f.Close()
}
