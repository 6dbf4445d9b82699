package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
)

// TestReadOnlyDirectory: refused before anything is compiled. The thread gives up root's powers over files, and is
// never used again.
func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	must.M(os.Chmod(dir, 0o555))
	for _, path := range []string{dir, filepath.Join(dir, "run")} {
		var r recorder
		done := make(chan error)
		go func() {
			runtime.LockOSThread()
			if err := setFSUser(65534); err != nil {
				done <- err
				return
			}
			c := tiny(path)
			_, err := Train(t.Context(), c, goMachine(t), &r)
			done <- err
		}()
		err := <-done
		if !errors.Is(err, run.ErrDirectory) || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "choose another --dir") {
			t.Errorf("error %v, want ErrDirectory, for want of permission, and what to do", err)
		}
		if len(r.steps) > 0 || strings.Contains(fmt.Sprint(r.stages), "compiling") {
			t.Errorf("stages %q, want nothing compiled", r.stages)
		}
	}
}

// setFSUser makes the calling thread a user in the eyes of file systems.
func setFSUser(user uintptr) error {
	if os.Geteuid() != 0 {
		return nil // no powers to give up
	}
	syscall.RawSyscall(syscall.SYS_SETFSUID, user, 0, 0)
	if now, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, user, 0, 0); now != user {
		return fmt.Errorf("file system user is %d, want %d", now, user)
	}
	return nil
}
