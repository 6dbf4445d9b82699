package programs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrUnsafe says that others than the user may write to a folder, and so decide what is run.
var ErrUnsafe = errors.New("not to be trusted")

// Variable is the environment variable that names the folder of programs, or says Off.
const (
	Variable = "MOCOTPU_CACHE"
	Off      = "off"
)

// tempSuffix ends the name of a file that is being written; staleAfter is when its writer must be dead. The folder may be
// one that the user has other files in.
const (
	tempSuffix = suffix + ".tmp"
	staleAfter = time.Hour
)

// Default returns the user's store: in the folder that $MOCOTPU_CACHE names, else in mocotpu/programs of the user's cache
// folder (~/.cache). It returns nil where $MOCOTPU_CACHE is "off".
func Default() (*Store, error) {
	switch dir := os.Getenv(Variable); dir {
	case Off:
		return nil, nil
	case "":
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("programs: nowhere to keep compiled programs, set %s to a folder or to %s: %w", Variable, Off, err)
		}
		return &Store{Dir: filepath.Join(cache, "mocotpu", "programs")}, nil
	default:
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("programs: %s: %w", Variable, err)
		}
		return &Store{Dir: dir}, nil
	}
}

// checkFolder finds out whether only the user can have put something into a folder.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, known := ownerOf(info)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	case known && info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s is %w: others may write to it (%s); chmod go-w, or set %s", dir, ErrUnsafe, info.Mode().Perm(), Variable)
	case known && owner != os.Geteuid():
		return fmt.Errorf("%s is %w: it belongs to user %d, want %d; set %s to a folder of your own", dir, ErrUnsafe, owner, os.Geteuid(), Variable)
	}
	return nil
}

// Usage is how much a store holds.
type Usage struct {
	Programs int
	Bytes    int64
}

// Usage looks at the folder; there may be none.
func (s *Store) Usage() (Usage, error) {
	var u Usage
	files, err := s.files(suffix)
	for _, f := range files {
		u.Programs++
		u.Bytes += f.Size()
	}
	return u, err
}

// Clear removes the programs and returns what they were.
func (s *Store) Clear() (Usage, error) {
	var u Usage
	files, err := s.files(suffix)
	for _, f := range files {
		if e := s.remove(f); e != nil {
			err = errors.Join(err, fmt.Errorf("programs: %w", e))
			continue
		}
		u.Programs++
		u.Bytes += f.Size()
	}
	return u, err
}

// files are the folder's files with such an ending. Another process may remove one at any time.
func (s *Store) files(ending string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("programs: %w", err)
	}
	var files []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone
		}
		if info.Mode().IsRegular() && strings.HasSuffix(e.Name(), ending) {
			files = append(files, info)
		}
	}
	return files, nil
}

// evict removes the programs not used for the longest time until the rest is within the limit, and never the one named;
// and what writers left that are dead.
func (s *Store) evict(keep string) error {
	left, err := s.files(tempSuffix)
	if err != nil {
		return err
	}
	for _, f := range left {
		if time.Since(f.ModTime()) > staleAfter {
			if err := s.remove(f); err != nil {
				return err
			}
		}
	}
	files, err := s.files(suffix)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, f := range files {
		total += f.Size()
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if total <= s.limit() {
			break
		}
		if f.Name() == keep {
			continue
		}
		if err := s.remove(f); err != nil {
			return err
		}
		total -= f.Size()
	}
	return nil
}

func (s *Store) remove(f fs.FileInfo) error {
	if err := os.Remove(filepath.Join(s.Dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
