package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// address is a free one of this machine.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// meet brings so many processes together, in this one.
func meet(t *testing.T, count int) []*Meeting {
	t.Helper()
	all, errs := tryToMeet(t.Context(), configs(address(t), count)...)
	for i, err := range errs {
		if err != nil {
			t.Fatalf("process %d: %v", i, err)
		}
	}
	t.Cleanup(func() {
		for _, m := range all {
			m.close()
		}
	})
	return all
}

func configs(address string, count int) (all []Config) {
	for i := range count {
		all = append(all, Config{Coordinator: address, Index: i, Count: count, Secret: "s3cret", Patience: 20 * time.Second})
	}
	return all
}

func tryToMeet(ctx context.Context, all ...Config) ([]*Meeting, []error) {
	meetings, errs := make([]*Meeting, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { meetings[i], errs[i] = Join(ctx, c) })
	}
	wg.Wait()
	return meetings, errs
}

// each calls f for every process at the same time.
func each(all []*Meeting, f func(i int, m *Meeting)) {
	var wg sync.WaitGroup
	for i, m := range all {
		wg.Go(func() { f(i, m) })
	}
	wg.Wait()
}

// While a run stands nothing of it is on the disk: a process that is killed leaves nothing behind.
func TestNoFiles(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	all := meet(t, 2)
	each(all, func(_ int, m *Meeting) {
		if err := m.Barrier(t.Context(), "here"); err != nil {
			t.Error(err)
		}
	})
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("%v in the folder of temporary files, %v, want nothing", left, err)
	}
}

// A machine that has its own name at a loopback address is found by itself alone.
func TestHostOfLoopback(t *testing.T) {
	for _, test := range []struct {
		host, other string
		refused     bool
	}{{"127.0.1.1", "b", true}, {"::1", "b", true}, {"127.0.0.1", "a", false}, {"10.0.0.1", "b", false}} {
		m := &Meeting{config: Config{Coordinator: "a:7700", Count: 2}, host: test.host, who: []person{{Host: "a"}, {Host: test.other}}}
		if _, err := m.Host(); (err != nil) != test.refused || err != nil && !strings.Contains(err.Error(), "set --coordinator to an address") {
			t.Errorf("%s, the other process on %s: error %v", test.host, test.other, err)
		}
	}
}

func TestTogether(t *testing.T) {
	each(meet(t, 3), func(i int, m *Meeting) {
		ctx := t.Context()
		if host, err := m.Host(); m.Index() != i || m.Count() != 3 || host != "127.0.0.1" || err != nil {
			t.Errorf("process %d is %d of %d at %s, %v", i, m.Index(), m.Count(), host, err)
		}
		if v, err := m.Share(ctx, "begin", fmt.Append(nil, "of ", i)); err != nil || string(v) != "of 0" {
			t.Errorf("process %d: shared %q, %v, want process 0's", i, v, err)
		}
		if err := m.Barrier(ctx, "here"); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		if err := m.Leave(); err != nil {
			t.Errorf("process %d: leaving: %v", i, err)
		}
		select {
		case <-m.Lost():
			t.Errorf("process %d is lost though all have left: %v", i, m.Why())
		default:
		}
	})
}

func TestStore(t *testing.T) {
	each(meet(t, 2), func(i int, m *Meeting) {
		if i == 0 {
			if _, err := m.Get("nobody's", 0); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error %v, want one that it does not exist", err)
			}
			if _, err := m.Get("never", time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want that of the deadline", err)
			}
			if v, err := m.Get("a key, with: signs", time.Minute); err != nil || string(v) != "\x00 value" {
				t.Errorf("got %q, %v", v, err)
			}
			_ = m.Put("done", nil)
			return
		}
		if err := m.Put("a key, with: signs", []byte("\x00 value")); err != nil {
			t.Error(err)
		}
		if v, err := m.Get("done", time.Minute); err != nil || len(v) > 0 {
			t.Errorf("got %q, %v", v, err)
		}
	})
}

// Without a folder for its server process 0 says which variable names it.
func TestNoTemporaryFolder(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("TMPDIR", none)
	_, err := Join(t.Context(), Config{Coordinator: address(t), Count: 2, Secret: "s3cret"})
	if !errors.Is(err, ErrJoin) || !strings.Contains(err.Error(), none) || !strings.Contains(err.Error(), "set TMPDIR") {
		t.Errorf("error %v, want ErrJoin with TMPDIR", err)
	}
}

// While process 0 does not come the reason is told, and told again in the end.
func TestNotice(t *testing.T) {
	c := Config{Coordinator: "127.0.0.1:1", Index: 1, Count: 2, Secret: "s3cret", Patience: 10 * connectEvery}
	var told []string
	c.Notice = func(text string) { told = append(told, text) }
	if _, err := Join(t.Context(), c); !errors.Is(err, ErrJoin) {
		t.Errorf("error %v, want ErrJoin", err)
	}
	if len(told) == 0 || !strings.HasPrefix(told[0], "process 0 is not yet at 127.0.0.1:1: ") {
		t.Errorf("told %q, want why process 0 cannot be reached", told)
	}
}

func TestJoinRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(all []Config)
		want []string // of each process; "" for none
	}{
		{"another secret", func(all []Config) { all[1].Secret = "guess" }, []string{"process 1 did not come", "refuses this process"}},
		{"another count", func(all []Config) { all[1].Count = 3 }, []string{"process 1 (pid", "process 0 (pid"}},
		{"one alone", func(all []Config) { all[1].Coordinator = "127.0.0.1:1" }, []string{"--processes=2 --process=1", "cannot be reached"}},
		{"no number", func(all []Config) { all[1].Index = 2 }, []string{"did not come", "process 2 of 2"}},
		{"no port", func(all []Config) { all[1].Coordinator = "host" }, []string{"did not come", "HOST:PORT"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			all := configs(address(t), 2)
			for i := range all {
				all[i].Patience = 2 * time.Second
			}
			test.edit(all)
			meetings, errs := tryToMeet(t.Context(), all...)
			for i, err := range errs {
				if meetings[i] != nil || !errors.Is(err, ErrJoin) || !strings.Contains(err.Error(), test.want[i]) {
					t.Errorf("process %d: error %v, want one that says %q", i, err, test.want[i])
				}
			}
		})
	}
}

// Two processes of one number: one of them is told of the other.
func TestTwoOfOneNumber(t *testing.T) {
	all := configs(address(t), 2)
	twin := all[1]
	meetings, errs := tryToMeet(t.Context(), all[0], all[1], twin)
	failed := errors.Join(errs...)
	if failed == nil || !strings.Contains(failed.Error(), "there are two processes 1") || errs[0] != nil || (errs[1] == nil) == (errs[2] == nil) {
		t.Errorf("errors %v, want one of the two to be refused", errs)
	}
	for _, m := range meetings {
		if m != nil {
			m.close()
		}
	}
}

// A port that is taken, and one where something else listens, are named.
func TestForeignListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("SSH-2.0-OpenSSH\r\n"))
			c.Close()
		}
	}()
	_, errs := tryToMeet(t.Context(), configs(l.Addr().String(), 2)...)
	for i, want := range []string{"cannot listen at", "is no process 0"} {
		if errs[i] == nil || !strings.Contains(errs[i].Error(), want) {
			t.Errorf("process %d: error %v, want one that says %q", i, errs[i], want)
		}
	}
}

// Who does not want to wait any more is not told of a time limit.
func TestJoinGivesUp(t *testing.T) {
	enough := errors.New("enough")
	for _, index := range []int{0, 1} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Millisecond, func() { cancel(enough) })
		if _, err := Join(ctx, configs(address(t), 2)[index]); !errors.Is(err, enough) {
			t.Errorf("process %d: error %v, want the context's cause", index, err)
		}
	}
}
