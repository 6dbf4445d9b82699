package rendezvous

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wantLost waits until the process knows that the run is over, and why.
func wantLost(t *testing.T, m *Meeting, want string) {
	t.Helper()
	select {
	case <-m.Lost():
	case <-time.After(Silence):
		t.Fatalf("process %d knows nothing", m.Index())
	}
	if err := m.Why(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), want) {
		t.Errorf("process %d: %v, want one that says %q", m.Index(), err, want)
	}
}

// A process whose connection ends is missed by all, and by those who wait for it.
func TestGone(t *testing.T) {
	for _, gone := range []int{0, 2} {
		all := meet(t, 3)
		name := all[1].Name(gone)
		waiting := make(chan error, 1)
		go func() { waiting <- all[1].Barrier(context.Background(), "with all") }()
		if gone == 0 {
			all[0].server.Shutdown() // its process would end
		} else {
			all[gone].conn.Close()
		}
		wantLost(t, all[1], name+" is gone")
		if err := <-waiting; !errors.Is(err, ErrLost) {
			t.Errorf("the barrier's error is %v", err)
		}
		if gone == 2 {
			wantLost(t, all[0], name+" is gone")
		}
		if _, err := all[1].Get("key", 0); !errors.Is(err, ErrLost) {
			t.Errorf("reading after it: %v", err)
		}
	}
}

// The first cause is everyone's, its own process's too.
func TestAbort(t *testing.T) {
	all := meet(t, 3)
	all[2].Abort("step 12: the disk is full")
	all[1].Abort("the connection was closed")
	for _, m := range all {
		wantLost(t, m, m.Name(2)+": step 12: the disk is full")
	}
}

// All stop after the same step, whoever asks: here the processes are within a step of each other, as a step's exchanges
// make them.
func TestStop(t *testing.T) {
	for asking := range 3 {
		all := meet(t, 3)
		steps := make([]chan struct{}, 100) // closed when process 0 has begun the step
		for i := range steps {
			steps[i] = make(chan struct{})
		}
		ended := make([]*Stop, len(all))
		each(all, func(i int, m *Meeting) {
			for done := range steps {
				stop, err := m.Stop(done)
				if err != nil {
					t.Error(err)
					return
				}
				if stop {
					if ended[i] = m.Stopped(); done != ended[i].After {
						t.Errorf("process %d stops after %d steps, want %d", i, done, ended[i].After)
					}
					return
				}
				if i == asking && done == 5 {
					if err := m.AskToStop("terminated"); err != nil {
						t.Error(err)
					}
				}
				if i == 0 {
					close(steps[done])
				}
				<-steps[done]
				if done > 10 {
					time.Sleep(time.Millisecond) // the wish is on its way
				}
			}
		})
		for i, stop := range ended {
			if stop == nil || stop.By != asking || stop.Cause != "terminated" || stop.After <= 5 || stop.After != ended[0].After {
				t.Errorf("process %d: %+v, want the end that process %d asked for, after the same step as process 0's %+v", i, stop, asking, ended[0])
			}
		}
	}
}

func TestSecret(t *testing.T) {
	t.Setenv(SecretVariable, "")
	home := filepath.Join(t.TempDir(), "new")
	t.Setenv("XDG_CONFIG_HOME", home)
	dir := filepath.Join(home, "mocotpu")
	first, err := Secret()
	if err != nil || len(first) < 20 {
		t.Fatalf("got %q, %v", first, err)
	}
	if again, err := Secret(); err != nil || again != first {
		t.Errorf("the second time %q, %v, want the same", again, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if err := os.Chmod(filepath.Join(dir, "secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Secret(); err == nil || !strings.Contains(err.Error(), "read by others") {
		t.Errorf("error %v of a file that others read", err)
	}
	t.Setenv(SecretVariable, "words")
	if s, err := Secret(); err != nil || s != "words" {
		t.Errorf("got %q, %v, want the environment's", s, err)
	}
}
