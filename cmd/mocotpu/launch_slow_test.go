//go:build slow

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// overFour are the flags of a run on four devices, of so many processes.
func overFour(dir string, processes int) []string {
	run := fmt.Sprintf("train --backend cpu --devices %d --train-images 64 --batch 16 --bn-groups 4 --queue 32 --width 2 --dim 8 --image-size 16 "+
		"--epochs 50 --log-every 1 --knn-every 0 --checkpoint-every 5 --dir %s", 4/processes, dir)
	if processes == 1 {
		return strings.Fields(run)
	}
	return strings.Fields(fmt.Sprintf("launch --processes %d -- %s", processes, run))
}

// TestRandomKillsSlow kills a run twenty times, any of its processes, and goes on with it in one, two or four processes: it
// ends as an undisturbed one does, bit for bit.
func TestRandomKillsSlow(t *testing.T) {
	const kills, seed = 20, 1
	xlatest.Gloo(t)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := filepath.Join(t.TempDir(), "run")
	for killed := 0; killed < kills; {
		processes := []int{1, 2, 4}[random.IntN(3)]
		l := &launched{dir: dir, run: exec.CommandContext(t.Context(), os.Args[0], overFour(dir, processes)...), ended: make(chan error, 1)}
		l.run.Stdout, l.run.Stderr = &l.words, &l.words
		started := time.Now()
		must.M(l.run.Start())
		go func() { l.ended <- l.run.Wait() }()
		// It goes on from its last checkpoint, and is killed a few steps after.
		until := 1 + random.IntN(7)
		if saved, err := checkpoint.Load(dir); err == nil {
			until += saved.State.Step
		}
		for !reached(dir, until, started) {
			select {
			case err := <-l.ended:
				t.Fatalf("seed %d, kill %d, %d processes: it ended before it was killed: %v\n%s", seed, killed, processes, err, l.words.String())
			case <-time.After(5 * time.Millisecond):
			}
		}
		victim := l.run.Process.Pid
		if processes > 1 {
			victim = l.pid(t, random.IntN(processes))
		}
		must.M(syscall.Kill(victim, syscall.SIGKILL))
		code, words := l.end(t)
		if want := 128 + int(syscall.SIGKILL); processes > 1 && code != want {
			t.Errorf("seed %d, kill %d, %d processes: exit code %d, want %d\n%s", seed, killed, processes, code, want, words)
		}
		killed++
	}
	finished := func(dir string, processes int) *checkpoint.Checkpoint {
		if out, err := exec.CommandContext(t.Context(), os.Args[0], overFour(dir, processes)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return must.M1(checkpoint.Load(dir))
	}
	got, want := finished(dir, 4), finished(filepath.Join(t.TempDir(), "whole"), 1)
	if got.State.Step != want.State.Step {
		t.Fatalf("it ends after %d steps, want %d", got.State.Step, want.State.Step)
	}
	for i, tensor := range want.Tensors {
		if string(got.Tensors[i].Data) != string(tensor.Data) {
			t.Errorf("%s is not that of an undisturbed run", tensor.Name)
		}
	}
}

// reached tells whether the run in a directory has done so many steps, of which it has written the last after a time.
func reached(dir string, steps int, after time.Time) bool {
	rows, _, err := run.ReadMetrics(dir)
	info, statErr := os.Stat(filepath.Join(dir, run.MetricsFile))
	return err == nil && statErr == nil && info.ModTime().After(after) && len(rows) > 0 && rows[len(rows)-1].Step >= steps
}

// TestStoppedProcessSlow: a process that is there and does not answer is missed after [rendezvous.Silence].
func TestStoppedProcessSlow(t *testing.T) {
	l := launch(t)
	stopped := l.pid(t, 1)
	must.M(syscall.Kill(stopped, syscall.SIGSTOP))
	start := time.Now()
	code, words := l.end(t)
	if code != rendezvous.ExitLost || !strings.Contains(words, "does not answer for "+rendezvous.Silence.String()) {
		t.Errorf("exit code %d, want %d and that process 1 does not answer\n%s", code, rendezvous.ExitLost, words)
	}
	if took := time.Since(start); took > 3*rendezvous.Silence {
		t.Errorf("it took %v", took)
	}
	l.wantWhole(t)
}
