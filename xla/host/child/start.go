package child

import (
	"os/exec"
	"runtime"
)

// Start starts a command of [exec.CommandContext] as a child whose output and end are the caller's business, and returns what
// waits for it. The end of the context kills its process group.
func Start(cmd *exec.Cmd) (wait func() error, err error) {
	cmd.SysProcAttr = attributes()
	cmd.Cancel = func() error { return kill(cmd.Process) }
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel ends a child with the thread that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return func() error { return <-ended }, nil
}
