// Package durable writes files that survive a crash: a reader finds the old content or the new, never a part.
//
// # Errors
//
// Everything returns errors; a failed write leaves what was there before, and may leave a file whose name ends in
// [TempSuffix].
package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/lock"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// ErrWritten says that another process is writing the file.
var ErrWritten = errors.New("another process is writing it: wait for its end, or choose another name")

// TempSuffix marks what a killed writer left half done. Nobody else gives a file such a name, which the next writer replaces.
const TempSuffix = ".mocotpu-tmp"

// FileSystem is the only door through which a run changes a disk, so that a test can fail or stop it at any operation.
// [Disk] is the real one.
type FileSystem interface {
	MkdirAll(dir string) error
	// Create opens a new or emptied file for writing, which another process must not be writing: see [ErrWritten].
	Create(name string) (File, error)
	// Append opens a new or existing file for writing at its end.
	Append(name string) (File, error)
	// Rename replaces a file at to; a directory there is an error.
	Rename(from, to string) error
	RemoveAll(name string) error
	// SyncDir makes the entries of dir durable.
	SyncDir(dir string) error
}

// File is what a [FileSystem] opens; Sync makes its content durable, but not its name.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

// Disk is the real file system.
type Disk struct {
	// Private keeps new files and folders from everyone but the user: modes 0600 and 0700 instead of 0644 and 0755.
	Private bool
}

// mode is that of a new folder or file.
func (d Disk) mode(public os.FileMode) os.FileMode {
	if d.Private {
		return public &^ 0o077
	}
	return public
}

// MkdirAll implements [FileSystem].
func (d Disk) MkdirAll(dir string) error { return os.MkdirAll(dir, d.mode(0o755)) }

// Create implements [FileSystem].
func (d Disk) Create(name string) (File, error) {
	for range 10 { // each time another writer has come to its end meanwhile
		f, err := regular.OpenFile(name, os.O_WRONLY|os.O_CREATE, d.mode(0o644))
		if err != nil {
			return nil, err
		}
		mine, err := take(f, name)
		if mine && err == nil {
			err = f.Truncate(0)
		}
		if mine && err == nil {
			return f, nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s: %w", strings.TrimSuffix(name, TempSuffix), ErrWritten)
}

// take locks an open file against other writers, and tells whether it still has its name: the last writer may have put it in
// its place. On a file system without locks it is taken for free.
func take(f *os.File, name string) (mine bool, err error) {
	if errors.Is(lock.Try(f), lock.ErrHeld) {
		return false, fmt.Errorf("%s: %w", strings.TrimSuffix(name, TempSuffix), ErrWritten)
	}
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(name)
	return err == nil && os.SameFile(opened, there), nil
}

// Append implements [FileSystem].
func (d Disk) Append(name string) (File, error) {
	return regular.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, d.mode(0o644))
}

// Rename implements [FileSystem].
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// RemoveAll implements [FileSystem].
func (Disk) RemoveAll(name string) error { return os.RemoveAll(name) }

// SyncDir implements [FileSystem].
func (Disk) SyncDir(dir string) error { return syncDir(dir) }

// Write creates name and has write fill it; it returns after the content is durable. The name is not: that takes a
// SyncDir.
func Write(fs FileSystem, name string, write func(io.Writer) error) error {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	return closed(f, fill(f, name, write))
}

// fill makes the content durable.
func fill(f File, name string, write func(io.Writer) error) error {
	if err := write(f); err != nil {
		return fmt.Errorf("%s: %w", strings.TrimSuffix(name, TempSuffix), err) // the file that was asked for
	}
	return f.Sync()
}

// closed closes a file after err, before which an error of Close does not matter.
func closed(f File, err error) error {
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// Replace puts content at name: a reader sees the old file or the new one, also after a crash. The content is first in name
// with [TempSuffix]; the error is [ErrWritten] where another process writes that.
func Replace(fs FileSystem, name string, content []byte) error {
	return ReplaceWith(fs, name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// ReplaceWith is [Replace] for content that write writes.
func ReplaceWith(fs FileSystem, name string, write func(io.Writer) error) error {
	temp := name + TempSuffix
	f, err := fs.Create(temp)
	if err != nil {
		return err
	}
	err = fill(f, temp, write)
	if runtime.GOOS == "windows" { // which renames no open file
		err = closed(f, err)
	}
	// The file is locked until it has its name, or the next writer would empty it just before.
	if err == nil {
		err = Rename(fs, temp, name)
	}
	if err != nil {
		fs.RemoveAll(temp) // best effort: the error is what matters
	}
	if runtime.GOOS != "windows" {
		err = closed(f, err)
	}
	return err
}

// Rename puts the durable file or folder from in place of the file to, durably.
func Rename(fs FileSystem, from, to string) error {
	if err := fs.Rename(from, to); err != nil {
		return err
	}
	return fs.SyncDir(filepath.Dir(to))
}

// Place is [Rename] for a file that another program wrote, or this one by other means: it makes the content durable first.
func Place(fs FileSystem, from, to string) error {
	f, err := fs.Append(from)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return Rename(fs, from, to)
}
