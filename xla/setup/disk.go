package setup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/host/limits"
	filelock "github.com/mocotpu/mocotpu/xla/host/lock"
)

// errDiskSpace means that an installation would not fit.
var errDiskSpace = errors.New("not enough disk space")

// checkDisk returns errDiskSpace where dir, which need not exist yet, has no room for this many bytes.
func checkDisk(dir string, want int64) error {
	at := dir
	for {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		at = filepath.Dir(at)
	}
	free, err := limits.Disk(at)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if free < want {
		return fmt.Errorf("%w: %s has %d MB free, want %d MB; set MOCOTPU_HOME to a folder on another disk",
			errDiskSpace, at, free/1e6, want/1e6)
	}
	return nil
}

// lock waits until no other process changes dir. The lock ends with the process.
func lock(dir, engine string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "."+engine+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := filelock.Wait(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}
