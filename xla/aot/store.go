package aot

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// ErrDamaged says that a stored compilation can't be read. Compile makes it again.
var ErrDamaged = errors.New("damaged")

// A Store is a folder of compilations, a file each. Processes may share it.
type Store struct {
	// Dir is made when the first compilation is stored.
	Dir string
}

// flags are the environment variables that change what a compiler does.
var flags = []string{"XLA_FLAGS", "LIBTPU_INIT_ARGS"}

// Key identifies a compilation: by the program's text, the compiler's version, the target, and the environment variables
// XLA_FLAGS and LIBTPU_INIT_ARGS.
func Key(program, compiler, target string) string {
	h := sha256.New()
	for _, part := range []string{program, compiler, target} {
		fmt.Fprintf(h, "%d %s\n", len(part), part)
	}
	for _, name := range flags {
		fmt.Fprintf(h, "%s=%q\n", name, os.Getenv(name))
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}

func (s *Store) path(key string) string { return filepath.Join(s.Dir, key+".json.gz") }

// Get returns a stored compilation. The error matches fs.ErrNotExist where there is none, ErrDamaged where it is no use.
func (s *Store) Get(key string) (*Compilation, error) {
	f, err := regular.Open(s.path(key))
	if err != nil {
		return nil, fmt.Errorf("aot: %w", err)
	}
	defer f.Close()
	c := &Compilation{}
	unpacked, err := gzip.NewReader(f)
	if err == nil {
		var text []byte
		if text, err = io.ReadAll(unpacked); err == nil { // to the end, where the checksum is
			err = json.Unmarshal(text, c)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("aot: %s is %w: %w", s.path(key), ErrDamaged, err)
	}
	c.Stored = true
	return c, nil
}

// Put stores a compilation, whole or not at all.
func (s *Store) Put(key string, c *Compilation) (err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("aot: %w", err)
	}
	f, err := os.CreateTemp(s.Dir, "."+key+"-*")
	if err != nil {
		return fmt.Errorf("aot: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("aot: %w", errors.Join(err, f.Close(), os.Remove(f.Name())))
		}
	}()
	packed := gzip.NewWriter(f)
	if err := json.NewEncoder(packed).Encode(c); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync()); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.path(key))
}
