package pretrain

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// fileSystem is the only door through which this package changes a disk, so
// that a test can fail or stop it at any operation.
type fileSystem interface {
	MkdirAll(dir string) error
	// Create opens a new or emptied file for writing.
	Create(name string) (file, error)
	Rename(from, to string) error
	RemoveAll(name string) error
	// SyncDir makes the entries of dir durable.
	SyncDir(dir string) error
}

// file is what [fileSystem.Create] returns; Sync makes its content durable.
type file interface {
	io.Writer
	Sync() error
	Close() error
}

// disk is the real file system.
type disk struct{}

func (disk) MkdirAll(dir string) error        { return os.MkdirAll(dir, 0o755) }
func (disk) Create(name string) (file, error) { return os.Create(name) }
func (disk) Rename(from, to string) error     { return os.Rename(from, to) }
func (disk) RemoveAll(name string) error      { return os.RemoveAll(name) }

func (disk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	// Some network file systems cannot sync a directory and say so this way.
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// writeSynced creates name and has write fill it; it returns after the content
// is durable. The name is not: that takes a SyncDir.
func writeSynced(fs fileSystem, name string, write func(io.Writer) error) (err error) {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		// The error of Close matters where no other came before it.
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := write(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Sync()
}

// replaceFile puts content at name: a reader sees the old file or the new one,
// also after a crash.
func replaceFile(fs fileSystem, name string, content []byte) error {
	temp := name + tempSuffix
	err := writeSynced(fs, temp, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		fs.RemoveAll(temp) // best effort: the error above is what matters
		return err
	}
	if err := fs.Rename(temp, name); err != nil {
		return err
	}
	return fs.SyncDir(filepath.Dir(name))
}

// tempSuffix marks what a killed writer left half done.
const tempSuffix = ".tmp"
