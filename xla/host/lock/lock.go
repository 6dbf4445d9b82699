// Package lock keeps processes apart: one at a time holds the lock of a file.
//
// The system gives a lock back when its file is closed, and so at the end of the process, however it comes. The file's
// content is nobody's: who holds the lock may write into it, and others read it.
//
// # Errors
//
// Everything returns errors; [ErrHeld] says that another process holds the lock.
package lock

import (
	"errors"
	"os"
)

// ErrHeld says that another process holds the lock.
var ErrHeld = errors.New("locked by another process")

// Try takes the lock of an open file, or returns [ErrHeld].
func Try(f *os.File) error { return take(f, false) }

// TryShared takes it so that others may take it in this way, too, which needs no right to write: to find out whether
// anybody holds it.
func TryShared(f *os.File) error { return take(f, true) }
