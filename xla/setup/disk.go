package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

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

// lock waits until no other process changes dir, and says so, as long as the context lasts. The lock ends with the process.
func lock(ctx context.Context, dir, engine string, progress func(string)) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "."+engine+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	told := false
	for {
		err := filelock.Try(f)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, filelock.ErrHeld) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if !told {
			progress("waiting for another process, which installs the " + engine + " engine")
			told = true
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for another process, which installs the same engine: %w", context.Cause(ctx))
		case <-time.After(lockEvery):
		}
	}
}

// lockEvery is how often one looks whether another process is done.
const lockEvery = 200 * time.Millisecond
