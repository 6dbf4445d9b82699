//go:build unix

package child_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/child"
)

var (
	square   = child.Job[int, string]{Name: "square", Errors: []error{io.ErrNoProgress, fs.ErrExist}}
	unserved = child.Job[int, string]{Name: "unserved"}
	waiting  = child.Job[string, string]{Name: "waiting"}
)

// squareOf does the job square; some numbers make trouble.
func squareOf(ctx context.Context, n int) (string, error) {
	fmt.Println("words on standard output")
	_, _ = syscall.Write(1, []byte("words of a C library\n"))
	switch n {
	case 3:
		return "", fmt.Errorf("three is %w", fs.ErrExist)
	case 4:
		fmt.Fprintln(os.Stderr, "first words\nlast words")
		os.Exit(7)
	case 5:
		return square.Ask(ctx, 2, 0) // a child of a child may ask
	}
	return strconv.Itoa(n * n), nil
}

func TestMain(m *testing.M) {
	if square.Serve(squareOf) || waiting.Serve(func(_ context.Context, file string) (string, error) {
		out, err := child.Command{Args: sleeper(file)}.Run(context.Background())
		return string(out), err
	}) {
		return
	}
	if os.Getenv(child.Variable) == unserved.Name { // a program that forgot to serve
		_, err := unserved.Ask(context.Background(), 1, time.Minute)
		fmt.Println(err)
		return
	}
	os.Exit(m.Run())
}

// sleeper is a shell that starts a process, writes the numbers of both into file and waits for ever.
func sleeper(file string) []string {
	return []string{"sh", "-c", "sleep 10000 & echo $$ $! >" + file + ".new; mv " + file + ".new " + file + "; wait"}
}

func TestRun(t *testing.T) {
	out, err := child.Command{Args: []string{"sh", "-c", "cat; echo $WORD; echo talk >&2"}, Env: []string{"WORD=env"}, Stdin: []byte("in ")}.Run(t.Context())
	if string(out) != "in env\n" || err != nil {
		t.Errorf("got %q, %v, want what it printed", out, err)
	}
	out, err = child.Command{Args: []string{"sh", "-c", "pwd; echo first >&2; echo last words >&2; exit 3"}, Dir: "/"}.Run(t.Context())
	var failed *child.Error
	if !errors.As(err, &failed) || string(out) != "/\n" || failed.Code != 3 || failed.Words != "first\nlast words\n" || err.Error() != "sh: exit status 3: last words" {
		t.Errorf("got %q, %v, want the folder, and exit code 3 with the words", out, err)
	}
	_, err = child.Command{Args: []string{"sh", "-c", "kill -9 $$"}}.Run(t.Context())
	if !errors.As(err, &failed) || failed.Code != -1 || err.Error() != "sh: signal: killed" {
		t.Errorf("got %v, want the signal", err)
	}
	_, err = child.Command{Args: []string{filepath.Join(t.TempDir(), "missing")}}.Run(t.Context())
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &failed) || failed.Code != -1 {
		t.Errorf("got %v, want that there is no program", err)
	}
}

// What prints without end is killed, and the end of endless words is kept.
func TestBounded(t *testing.T) {
	if _, err := (child.Command{Args: []string{"yes"}, Most: 1000}).Run(t.Context()); err == nil || err.Error() != "yes: it printed more than 1000 bytes" {
		t.Errorf("got %v", err)
	}
	_, err := child.Command{Args: []string{"sh", "-c", "yes | head -c 5000000 >&2; echo the end >&2; exit 1"}}.Run(t.Context())
	var failed *child.Error
	if !errors.As(err, &failed) || len(failed.Words) != 1<<20 || !strings.HasSuffix(failed.Words, "y\nthe end\n") {
		t.Errorf("got %v", err)
	}
}

func TestLimit(t *testing.T) {
	_, err := child.Command{Args: []string{"sleep", "10000"}, Limit: 50 * time.Millisecond}.Run(t.Context())
	if !errors.Is(err, child.ErrLimit) || err.Error() != "sleep: killed at its time limit of 50ms" {
		t.Errorf("got %v, want ErrLimit", err)
	}
}

// started waits until a sleeper has written its processes.
func started(t *testing.T, file string) []int {
	t.Helper()
	for range 6000 {
		if text, err := os.ReadFile(file); err == nil {
			var shell, sleep int
			if _, err := fmt.Sscan(string(text), &shell, &sleep); err != nil {
				t.Fatal(err)
			}
			return []int{shell, sleep}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the child did not start within a minute")
	return nil
}

// ended waits until a process is no more, or only its entry is.
func ended(t *testing.T, process int) {
	t.Helper()
	for range 6000 {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
		if syscall.Kill(process, 0) != nil || err == nil && strings.Contains(string(state), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	syscall.Kill(process, syscall.SIGKILL)
	t.Errorf("process %d lives a minute later", process)
}

// The end of the context ends the child and what the child started.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	file, done := filepath.Join(t.TempDir(), "processes"), make(chan error)
	go func() {
		_, err := child.Command{Args: sleeper(file), Limit: time.Hour}.Run(ctx)
		done <- err
	}()
	processes := started(t, file)
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("got %v, want the context's error", err)
	}
	for _, p := range processes {
		ended(t, p)
	}
}

// What ends this process ends its children, even where it has no chance to do anything.
func TestParentEnds(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("only Linux tells a child that its parent has ended")
	}
	file := filepath.Join(t.TempDir(), "processes")
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), child.Variable+"="+waiting.Name)
	parent.Stdin = strings.NewReader(strconv.Quote(file))
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	processes := started(t, file)
	defer syscall.Kill(processes[1], syscall.SIGKILL) // a child of the child is told by nobody
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	ended(t, processes[0])
}

func TestJobs(t *testing.T) {
	for n, want := range map[int]string{2: "4", 12: "144", 5: "4"} {
		if got, err := square.Ask(t.Context(), n, time.Minute); got != want || err != nil {
			t.Errorf("%d: got %q, %v, want %q", n, got, err, want)
		}
	}
	_, err := square.Ask(t.Context(), 3, 0)
	if !errors.Is(err, fs.ErrExist) || errors.Is(err, io.ErrNoProgress) || err.Error() != "three is file already exists" {
		t.Errorf("got %v, want the error that it was", err)
	}
	var failed *child.Error
	_, err = square.Ask(t.Context(), 4, 0)
	if !errors.As(err, &failed) || failed.Code != 7 || !strings.HasSuffix(err.Error(), ": exit status 7: last words") {
		t.Errorf("got %v, want exit code 7 and the last words", err)
	}
	_, err = unserved.Ask(t.Context(), 1, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "want a main function that begins with Serve") || !strings.Contains(err.Error(), "started for job unserved") {
		t.Errorf("got %v, want that a program without Serve starts no children without end", err)
	}
}
