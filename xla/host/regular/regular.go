// Package regular opens files that a stranger may have put there: regular ones only, without waiting. To open a pipe
// that nobody writes to waits forever, and a device can do anything.
//
// # Errors
//
// Everything returns errors; [ErrIrregular] and [ErrTooLong] say why a file is not read.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

var (
	// ErrIrregular says that there is something else than a file: a pipe, a socket, a device, a folder.
	ErrIrregular = errors.New("not a regular file")
	// ErrTooLong says that a file is longer than what it should hold can be.
	ErrTooLong = errors.New("file too long")
)

// Open opens a regular file, or a link to one, for reading. The caller closes it.
func Open(name string) (*os.File, error) { return OpenFile(name, os.O_RDONLY, 0) }

// OpenFile is os.OpenFile for a regular file, which it may create. A link to one is read, but not written through: in a
// stranger's folder it may lead to a file of the user's.
func OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	look := os.Stat
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		look = os.Lstat
	}
	// Looking first keeps the hands off devices, some of which act when they are opened.
	if info, err := look(name); err == nil {
		if err := check(name, info); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, flag|syscall.O_NONBLOCK|syscall.O_NOCTTY, perm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = check(name, info) // it may have changed meanwhile
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadFile returns the content of a regular file of at most so many bytes.
func ReadFile(name string, most int64) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s: %w: %d bytes, want at most %d", name, ErrTooLong, info.Size(), most)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1)) // it may grow meanwhile
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s: %w: more than %d bytes", name, ErrTooLong, most)
	}
	return text, err
}

func check(name string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("it is %s: %w", kind(info.Mode()), ErrIrregular)}
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a link, through which nothing is written"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "of type " + mode.Type().String()
}
