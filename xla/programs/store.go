package programs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// ErrDamaged says that a stored file does not match its checksum.
var ErrDamaged = errors.New("damaged")

// defaultLimit is how many bytes a Store may hold unless told otherwise.
const defaultLimit = 4_000_000_000

// suffix ends the name of every program's file; magic begins its content, then follow the SHA-256 of key and program,
// and the program.
const (
	suffix = ".mocotpu-program"
	magic  = "mocotpu program 1\n"
	header = len(magic) + sha256.Size
)

// A Kind says what a stored program is for. It is the first part of its [Key]: what is of one kind is never found as
// the other.
type Kind string

const (
	// Running is a program in a plugin's own form: an engine loads and runs it.
	Running Kind = "running"
	// Ahead is what a compiler made of a program ahead of time, for a report: nothing of it is run.
	Ahead Kind = "ahead of time"
)

// A Store is a folder of compiled programs of both kinds, a file each. Several goroutines and processes may use it at once.
type Store struct {
	// Dir is made for the first program.
	Dir string
	// Limit is how many bytes the programs may take; 0 is 4 GB. The least recently used are removed first.
	Limit int64
	// Told, if not nil, is told the first of the errors given to Tell.
	Told func(error)

	once sync.Once
}

// Key identifies a program of a kind by everything that decides what it is.
func Key(kind Kind, parts ...string) string {
	h := sha256.New()
	for _, part := range append([]string{string(kind)}, parts...) {
		fmt.Fprintf(h, "%d ", len(part))
		io.WriteString(h, part)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Tell passes an error to Told, the first time.
func (s *Store) Tell(err error) {
	s.once.Do(func() {
		if s.Told != nil {
			s.Told(err)
		}
	})
}

// Get returns a stored program. The error matches fs.ErrNotExist where there is none, ErrDamaged where it is no use and
// ErrUnsafe where the folder is not to be trusted.
func (s *Store) Get(key string) ([]byte, error) {
	if err := checkFolder(s.Dir); err != nil {
		return nil, fmt.Errorf("programs: %w", err)
	}
	content, err := regular.ReadFile(s.path(key), s.limit())
	if err != nil {
		return nil, fmt.Errorf("programs: %w", err)
	}
	if len(content) < header || string(content[:len(magic)]) != magic {
		return nil, fmt.Errorf("programs: %s is %w: it does not begin as a program does", s.path(key), ErrDamaged)
	}
	if program := content[header:]; bytes.Equal(content[len(magic):header], checksum(key, program)) {
		now := time.Now()
		_ = os.Chtimes(s.path(key), now, now) // in a folder that cannot be written nothing is removed either
		return program, nil
	}
	return nil, fmt.Errorf("programs: %s is %w: its checksum does not match", s.path(key), ErrDamaged)
}

// Put stores a program, whole or not at all, and makes room for it.
func (s *Store) Put(key string, program []byte) error {
	if size := int64(header + len(program)); size > s.limit() {
		return fmt.Errorf("programs: a program of %d bytes, want at most the %d of the folder", size, s.limit())
	}
	if err := s.ready(); err != nil {
		return err
	}
	err := s.write(key, program)
	if err == nil {
		err = s.evict(key + suffix)
	}
	if err != nil {
		return fmt.Errorf("programs: %w", err)
	}
	return nil
}

// ready makes the folder, and finds out whether it is to be trusted.
func (s *Store) ready() error {
	err := os.MkdirAll(s.Dir, 0o700)
	if err == nil {
		err = checkFolder(s.Dir)
	}
	if err != nil {
		return fmt.Errorf("programs: %w", err)
	}
	return nil
}

// write puts a program's file in its place. Its temporary name is its own: several may write the same program at once.
func (s *Store) write(key string, program []byte) error {
	disk := durable.Disk{Private: true}
	temp := filepath.Join(s.Dir, fmt.Sprintf("%s.%d-%d%s", key, os.Getpid(), writes.Add(1), tempSuffix))
	err := durable.Write(disk, temp, func(w io.Writer) error {
		for _, part := range [][]byte{[]byte(magic), checksum(key, program), program} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = durable.Rename(disk, temp, s.path(key))
	}
	if err != nil {
		return errors.Join(err, disk.RemoveAll(temp))
	}
	return nil
}

// writes counts this process's, for names of temporary files.
var writes atomic.Int64

func (s *Store) path(key string) string { return filepath.Join(s.Dir, key+suffix) }

func (s *Store) limit() int64 {
	if s.Limit == 0 {
		return defaultLimit
	}
	return s.Limit
}

func checksum(key string, program []byte) []byte {
	h := sha256.New()
	io.WriteString(h, key)
	h.Write(program)
	return h.Sum(nil)
}
