package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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

// launched is a run of two processes that trains until it is ended.
type launched struct {
	dir   string
	run   *exec.Cmd
	words bytes.Buffer // of both processes
	ended chan error
}

// launch starts two processes and waits until they have a checkpoint.
func launch(t *testing.T) *launched {
	t.Helper()
	xlatest.Gloo(t)
	l := &launched{dir: filepath.Join(t.TempDir(), "run"), ended: make(chan error, 1)}
	args := strings.Fields("launch --processes 2 train --data " + pack(t, 0) + " --dir " + l.dir + " " + smallest)
	l.run = exec.CommandContext(t.Context(), os.Args[0], args...)
	l.run.Stdout, l.run.Stderr = &l.words, &l.words
	must.M(l.run.Start())
	go func() { l.ended <- l.run.Wait() }()
	for {
		if saved, err := checkpoint.Load(l.dir); err == nil && len(saved.Notes) == 0 {
			return l
		}
		select {
		case err := <-l.ended:
			t.Fatalf("it ended before its first checkpoint: %v\n%s", err, l.words.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// pid is that of a process, which its parent's list of children has.
func (l *launched) pid(t *testing.T, index int) int {
	t.Helper()
	environment := regexp.MustCompile(fmt.Sprintf("\x00MOCOTPU_PROCESS=%d\x00", index))
	for _, path := range must.M1(filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", l.run.Process.Pid))) {
		for _, child := range strings.Fields(string(must.M1(os.ReadFile(path)))) {
			if environment.Match(must.M1(os.ReadFile("/proc/" + child + "/environ"))) {
				return must.M1(strconv.Atoi(child))
			}
		}
	}
	t.Fatalf("no process %d", index)
	return 0
}

// end waits for the end of both processes.
func (l *launched) end(t *testing.T) (code int, words string) {
	t.Helper()
	<-l.ended
	return l.run.ProcessState.ExitCode(), l.words.String()
}

// wantWhole wants the checkpoint, and the metrics up to it, to be there.
func (l *launched) wantWhole(t *testing.T) {
	t.Helper()
	saved, err := checkpoint.Load(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(saved.Notes) > 0 {
		t.Errorf("the checkpoint: %q", saved.Notes)
	}
	if rows, _, err := run.ReadMetrics(l.dir); err != nil || len(rows) < saved.State.Step {
		t.Errorf("%d rows of metrics, %v, want those of the %d steps saved", len(rows), err, saved.State.Step)
	}
}

// TestKilledProcess: when a process is killed the other one names it and ends, without waiting for a time limit.
func TestKilledProcess(t *testing.T) {
	for _, killed := range []int{0, 1} {
		t.Run(fmt.Sprint("process ", killed), func(t *testing.T) {
			l := launch(t)
			must.M(syscall.Kill(l.pid(t, killed), syscall.SIGKILL))
			start := time.Now()
			code, words := l.end(t)
			if want := 128 + int(syscall.SIGKILL); code != want {
				t.Errorf("exit code %d, want the killed process's, %d", code, want)
			}
			culprit := regexp.MustCompile(fmt.Sprintf(`mocotpu: the run is over: process %d \(pid \d+ on .*\) is gone`, killed))
			if !culprit.MatchString(words) || strings.Contains(words, "and are killed") {
				t.Errorf("it says\n%s\nwant %s, and that it ended by itself", words, culprit)
			}
			if took := time.Since(start); took > rendezvous.Silence {
				t.Errorf("it took %v, as long as one that does not answer", took)
			}
			l.wantWhole(t)
		})
	}
}

// TestTerminatedProcess: a signal to one of them stops both after the same step, with a checkpoint of it.
func TestTerminatedProcess(t *testing.T) {
	l := launch(t)
	must.M(syscall.Kill(l.pid(t, 1), syscall.SIGTERM))
	code, words := l.end(t)
	said := regexp.MustCompile(`interrupted after step (\d+) of .*process 1 \(pid \d+ on .*\): terminated`).FindAllStringSubmatch(words, -1)
	if code != 143 || len(said) != 2 || said[0][1] != said[1][1] {
		t.Fatalf("exit code %d, want 143, and both stopped by process 1 after one step:\n%s", code, words)
	}
	if saved := must.M1(checkpoint.Load(l.dir)).State.Step; fmt.Sprint(saved) != said[0][1] {
		t.Errorf("the checkpoint is of step %d, want %s", saved, said[0][1])
	}
	l.wantWhole(t)
}
