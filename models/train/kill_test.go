package train

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/durable/durabletest"
)

// TestKilled kills runs ten times.
func TestKilled(t *testing.T) { killRuns(t, 10) }

// The variables that make a test process a run to be killed.
const (
	killedDir = "MOCOTPU_TEST_KILLED_DIR"
	killedAt  = "MOCOTPU_TEST_KILLED_AT" // the disk's operation at which the machine goes down; -1 never
)

// killedConfig is a run of 30 steps that spends most of its time writing checkpoints.
func killedConfig(dir string) run.Config {
	c := tiny(dir)
	c.Data.TestImages, c.KNN.Every, c.Run.LogEvery, c.Run.CheckpointEvery = 31, 3, 3, 1
	c.Run.Epochs, c.Run.Steps = 8, 30
	return c
}

// TestKilledChild is the run; it prints how far it is, and what LAST promised by then.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		t.Skip("a part of TestKilled")
	}
	var disk durable.FileSystem = durable.Disk{}
	if at, err := strconv.Atoi(os.Getenv(killedAt)); err != nil || at >= 0 {
		disk = &durabletest.Disk{At: at, Fault: durabletest.Kill, Then: func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) }}
	}
	_, err := train(t.Context(), killedConfig(dir), goMachine(t), &recorder{onStep: func(done int) {
		last, _ := os.ReadFile(filepath.Join(dir, "LAST"))
		fmt.Printf("at %d %s\n", done, bytes.TrimSpace(last))
	}}, disk)
	if err != nil {
		t.Fatal(err)
	}
}

// killRuns kills runs, each again and again until it comes to its end, and compares them with one that nothing
// disturbed. Every other time the machine goes down with the process, so that what was not synced is lost.
func killRuns(t *testing.T, kills int) {
	const seed = 1
	rng := rand.New(rand.NewPCG(seed, 0))
	want := undisturbed(t, killedConfig(""))
	dir := t.TempDir()
	// A run from end to end takes a second or two here; what a machine makes of it, the first one tells.
	begin := time.Now()
	runChild(t, filepath.Join(t.TempDir(), "run"), -1, 0)
	whole := time.Since(begin)

	var killed, halfWritten, finished, lost, mostLost int
	for killed < kills {
		at, delay := -1, time.Duration(0)
		if killed%2 == 0 {
			delay = time.Duration(rng.Int64N(int64(whole)))
		} else {
			at = rng.IntN(500) // a run does about 1000 operations
		}
		before := promisedStep(dir)
		out, ended := runChild(t, dir, at, delay)
		if ended {
			finished++
			wantSameRun(t, dir, want)
			dir = t.TempDir()
			continue
		}
		killed++
		reached, promised := lastPromise(out, before)
		if at >= 0 {
			promised-- // the child may have seen a LAST that was not synced yet
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "step-*"+durable.TempSuffix)); len(left) > 0 {
			halfWritten++
		}
		saved, err := checkpoint.Load(dir)
		switch {
		case errors.Is(err, checkpoint.ErrNone) && promised <= 0:
			continue
		case err != nil:
			t.Fatalf("kill %d: %v; the run was promised step %d", killed, err, promised)
		// Before the first promise LAST may be missing, of which a note tells.
		case saved.State.Step < promised || promised > 0 && len(saved.Notes) > 0:
			t.Fatalf("kill %d: checkpoint of step %d, notes %q, want step %d or a later one, and none", killed, saved.State.Step, saved.Notes, promised)
		}
		n := max(0, reached-saved.State.Step)
		lost, mostLost = lost+n, max(mostLost, n)
	}
	runChild(t, dir, -1, 0)
	wantSameRun(t, dir, want)
	t.Logf("seed %d: %d kills survived, %d of them with a checkpoint half written; %d runs ended, bit for bit as the undisturbed one; "+
		"checkpoints lost 0; steps to do again %d in all, %d at most", seed, killed, halfWritten, finished+1, lost, mostLost)
}

// runChild runs the child until it ends, or is killed: after a delay, where that is not 0, or at an operation of its disk.
func runChild(t *testing.T, dir string, at int, delay time.Duration) (out string, ended bool) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
	child.Env = append(os.Environ(), killedDir+"="+dir, killedAt+"="+strconv.Itoa(at))
	var stdout bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stdout
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if delay > 0 {
		timer := time.AfterFunc(delay, func() { child.Process.Kill() })
		defer timer.Stop()
	}
	err := child.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout.String(), true
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return stdout.String(), false
	}
	t.Fatalf("the run failed: %v\n%s", err, stdout.String())
	return "", false
}

// promisedStep is the step that LAST names, or -1.
func promisedStep(dir string) int {
	saved, err := checkpoint.Load(dir)
	if err != nil {
		return -1
	}
	return saved.State.Step
}

// lastPromise reads how far the child came and the step of the last checkpoint that it had seen.
func lastPromise(out string, before int) (reached, promised int) {
	reached, promised = max(before, 0), before
	for line := range bytes.Lines([]byte(out)) {
		var step int
		var last string
		if n, _ := fmt.Sscanf(string(line), "at %d %s", &step, &last); n >= 1 {
			reached = step
			if n == 2 {
				fmt.Sscanf(last, "step-%d", &promised)
			}
		}
	}
	return reached, promised
}
