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
	claimed    = ".claimed" + tempSuffix // what is left of one is removed as other temporary files are
)

// claimTold is how long a wait may be before it is told; a variable for the tests.
var claimTold = 20 * time.Second

// GetOrClaim returns a stored program, as Get does, or the claim to compile it. Others that ask, in this process or another,
// wait while somebody has the claim, ten minutes in all at most; told, if not nil, is called once where that is long. A process
// that ends gives its claim back. The caller calls release after Put, or when nothing came of it.
//
// Program and release are both nil where the caller compiles beside others: nothing can be claimed, or it has waited in vain.
// The error is Get's, also beside a claim, or says that the wait was too long.
func (s *Store) GetOrClaim(key string, told func()) (program []byte, release func(), err error) {
	program, err = s.Get(key)
	if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrDamaged) {
		return program, nil, err
	}
	if s.ready() != nil {
		return nil, nil, err // which Put will say
	}
	name := filepath.Join(s.Dir, key+claimed)
	waited := false
	for begun := time.Now(); ; time.Sleep(claimLook) {
		f, failed := claim(name)
		if failed != nil {
			return nil, nil, err // such as a file system without locks
		}
		if f != nil {
			release = func() { giveBack(f, name) }
			found, again := s.Get(key)
			switch {
			case again == nil:
				release()
				return found, nil, nil
			case waited: // whoever compiled it could not keep it: the next ones cannot, either
				release()
				return nil, nil, again
			}
			return nil, release, err
		}
		waited = true
		if time.Since(begun) > claimLimit {
			return nil, nil, fmt.Errorf("programs: another process was still compiling it after %s", claimLimit)
		}
		if time.Since(begun) > claimTold && told != nil {
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
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !isAt(f, name) {
		return nil, f.Close()
	}
	now := time.Now()
	_ = os.Chtimes(name, now, now) // one that a dead process left may be old enough for evict
	return f, nil
}

// giveBack removes the file first: who gets its lock afterwards sees that it is not there any more.
func giveBack(f *os.File, name string) {
	if isAt(f, name) {
		_ = os.Remove(name)
	}
	_ = f.Close()
}

// isAt reports whether a name is still that of an open file.
func isAt(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(name)
	return err == nil && os.SameFile(mine, there)
}
