package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// aRun is the command that trains on the CPU's engine, in a process with no more than so many KiB of addresses.
func aRun(t *testing.T, addresses, dir string) (c *exec.Cmd, said *bytes.Buffer) {
	args := strings.Fields("train --backend=cpu --preset=glyphs --train-images=64 --batch=16 --bn-groups=2 --queue=32 --width=2 --dim=8 --image-size=16 " +
		"--knn-every=0 --log-every=1 --epochs=100000 --dir=" + dir)
	c = exec.CommandContext(t.Context(), "sh", append([]string{"-c", `ulimit -v ` + addresses + `; exec "$0" "$@"`, os.Args[0]}, args...)...)
	c.Env = append(os.Environ(), commandVariable+"="+filepath.Join(t.TempDir(), "peak"))
	said = &bytes.Buffer{}
	c.Stdout, c.Stderr = said, said
	return c, said
}

// An engine that aborts ends the command with a sentence, and not with the stacks of all goroutines and the code of wrong use.
func TestAbort(t *testing.T) {
	xlatest.CPU(t, 1)
	dir := filepath.Join(t.TempDir(), "run")
	c, said := aRun(t, "unlimited", dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for begun := false; !begun; { // it compiles then, on an engine that is open
		select {
		case err := <-ended:
			t.Fatalf("it ended by itself: %v, %q", err, said)
		case <-time.After(10 * time.Millisecond):
			_, err := run.ReadRecord(dir)
			begun = err == nil
		}
	}
	if err := c.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	<-ended
	if code := c.ProcessState.ExitCode(); code != 70 || stack.Match(said.Bytes()) || !strings.Contains(said.String(), "the engine has ended this process") {
		t.Errorf("exit code %d, %q, want 70 and a sentence", code, said)
	}
}

// Where the system grants too few addresses for the CPU's engine, that is said before it is loaded.
func TestTooFewAddresses(t *testing.T) {
	xlatest.CPU(t, 1)
	c, said := aRun(t, "2900000", filepath.Join(t.TempDir(), "run"))
	_ = c.Run()
	if code := c.ProcessState.ExitCode(); code != exitUsage || stack.Match(said.Bytes()) || !strings.Contains(said.String(), "ulimit -v leaves this process 2.8 GiB of addresses") {
		t.Errorf("exit code %d, %q, want 2 and what ulimit -v is to be", code, said)
	}
}
