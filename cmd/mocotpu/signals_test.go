package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// TestSignals sends a signal to a run under way: it leaves a checkpoint of the step it was at, exits with the signal's
// code, and can go on.
func TestSignals(t *testing.T) {
	for _, test := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGTERM, 143}, {syscall.SIGINT, 130}, {syscall.SIGHUP, 129}} {
		t.Run(test.signal.String(), func(t *testing.T) {
			if signal.Ignored(test.signal) {
				t.Skip("this process was started with the signal ignored, as nohup does, and so is the run")
			}
			dir := filepath.Join(t.TempDir(), "run")
			args := append(tinyRun, "--dir", dir, "--epochs", "1000", "--knn-every", "0", "--checkpoint-every", "1000000")
			c := exec.CommandContext(t.Context(), os.Args[0], args...)
			var talk bytes.Buffer
			c.Stderr = &talk
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			for rows := []run.Row(nil); len(rows) == 0; {
				select {
				case err := <-ended:
					t.Fatalf("the run ended before its signal: %v, stderr %q", err, talk.String())
				case <-time.After(10 * time.Millisecond):
					rows, _, _ = run.ReadMetrics(dir) // not there yet, or half a line
				}
			}
			if err := c.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			err := <-ended
			if got := c.ProcessState.ExitCode(); got != test.code || !strings.Contains(talk.String(), "goes on from there") {
				t.Fatalf("exit code %d (%v), stderr %q, want %d and how to go on", got, err, talk.String(), test.code)
			}
			rows, _, err := run.ReadMetrics(dir)
			if err != nil {
				t.Fatal(err)
			}
			saved, err := checkpoint.Load(dir)
			if err != nil || saved.State.Step == 0 || saved.State.Step != rows[len(rows)-1].Step {
				t.Errorf("checkpoint %+v, error %v, want one of the last step, %d", saved, err, rows[len(rows)-1].Step)
			}
		})
	}
}

// TestUnusableDirectory: a second trainer is refused before it compiles anything, with the code of wrong use.
func TestUnusableDirectory(t *testing.T) {
	dir, err := run.OpenDir(durable.Disk{}, filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	code, _, stderr := call(t, append(tinyRun, "--dir", dir.Path())...)
	if code != exitUsage || !strings.Contains(stderr, "another trainer is using this directory") || strings.Contains(stderr, "compiling") {
		t.Errorf("exit code %d, stderr %q, want %d and who holds the directory", code, stderr, exitUsage)
	}
}

// TestBrokenPipe: who reads the rows goes away; the run leaves a checkpoint and exits as a shell expects, in silence.
func TestBrokenPipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	args := append(tinyRun, "--dir", dir, "--epochs", "1000", "--knn-every", "0", "--checkpoint-every", "1000000", "--json")
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	var talk bytes.Buffer
	c.Stderr = &talk
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	out.Close()
	_ = c.Wait() // its exit code is not 0
	saved, err := checkpoint.Load(dir)
	if code := c.ProcessState.ExitCode(); code != 141 || err != nil || saved.State.Step == 0 {
		t.Errorf("exit code %d, checkpoint %+v (%v), stderr %q, want 141 and a checkpoint", code, saved, err, talk.String())
	}
}

// What a signal ends says so, and not how it came to know.
func TestSignalledWords(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(guard.Signalled{Signal: syscall.SIGTERM})
	var talk bytes.Buffer
	code := execute(ctx, []string{"data", "doctor", "glyphs"}, io.Discard, &talk)
	if code != 143 || !strings.Contains(talk.String(), "mocotpu: doctor: terminated before it was done\n") || strings.Contains(talk.String(), "context") {
		t.Errorf("exit code %d, stderr %q, want 143 and that it was terminated", code, talk.String())
	}
}

// hanging is the environment variable that makes the test binary a command that never looks at its context: with
// unsaved steps if it is "unsaved".
const hanging = "MOCOTPU_TEST_HANG"

func hang(how string) {
	guard.Signals(context.Background(), os.Stderr)
	guard.Unsaved.Store(how == "unsaved")
	fmt.Println("ready")
	select {}
}

// TestSignalsEndWhatHangs: the first signal ends a command that does not answer, where nothing would be lost, and the
// second ends any.
func TestSignalsEndWhatHangs(t *testing.T) {
	for _, test := range []struct {
		how     string
		signals int
		want    string
	}{{"idle", 1, "nothing was lost"}, {"unsaved", 2, "a second signal ends at once"}} {
		t.Run(test.how, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), os.Args[0])
			c.Env = append(os.Environ(), hanging+"="+test.how)
			talk, err := c.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			said := bufio.NewReader(talk)
			var first string
			for i := range test.signals {
				if err := c.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					first, _ = said.ReadString('\n')
				}
			}
			_ = c.Wait()
			if code := c.ProcessState.ExitCode(); code != 143 || !strings.Contains(first, test.want) {
				t.Errorf("exit code %d, stderr %q, want 143 and %q", code, first, test.want)
			}
		})
	}
}
