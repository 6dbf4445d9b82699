package training

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
)

// two runs f as two processes, in this one, and returns their errors.
func two(t *testing.T, f func(p *peers) error) (errs [2]error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			c := rendezvous.Config{Coordinator: address, Index: i, Count: 2, Secret: "s3cret"}
			errs[i] = together(t.Context(), c, io.Discard, f)
		})
	}
	wg.Wait()
	return errs
}

// Every process says whom it waits for, and how long.
func TestSaysThatItWaits(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for index, whom := range []string{"1 other process(es)", "process 0"} {
		var talk strings.Builder
		c := rendezvous.Config{Coordinator: "127.0.0.1:1", Index: index, Count: 2, Secret: "s3cret"}
		err := together(ended, c, &talk, func(*peers) error { return nil })
		if want := "waiting for " + whom + " at 127.0.0.1:1, 5 minutes at most ...\n"; err == nil || talk.String() != want {
			t.Errorf("process %d: %q, error %v, want %q and that it ended", index, talk.String(), err, want)
		}
	}
}

func TestEndTogether(t *testing.T) {
	if errs := two(t, func(*peers) error { return nil }); errs[0] != nil || errs[1] != nil {
		t.Errorf("errors %v, want none", errs)
	}
}

// A process that fails keeps its own error; the other one has its words, also where an engine's error comes first.
func TestFailure(t *testing.T) {
	for failing := range 2 {
		errs := two(t, func(p *peers) error {
			if p.Index() == failing {
				return fmt.Errorf("train: step 12: the disk is full")
			}
			<-p.Lost()
			return fmt.Errorf("train: %w", &xla.Error{Op: "execute", Code: xla.Unavailable, Msg: "Connection closed by peer"})
		})
		if errors.Is(errs[failing], rendezvous.ErrLost) || !strings.Contains(errs[failing].Error(), "disk is full") {
			t.Errorf("process %d fails with %v, want its own error", failing, errs[failing])
		}
		other := errs[1-failing]
		want := fmt.Sprintf("process %d (pid", failing)
		if !errors.Is(other, rendezvous.ErrLost) || !strings.Contains(other.Error(), want) || !strings.Contains(other.Error(), "step 12: the disk is full; the same command") {
			t.Errorf("the other: %v, want the words of process %d", other, failing)
		}
	}
}

// A signal to one is the end of both, with the checkpoint's step.
func TestSignalled(t *testing.T) {
	errs := two(t, func(p *peers) error {
		if p.Index() == 1 {
			if err := p.AskToStop(guard.Signalled{Signal: syscall.SIGTERM}.Error()); err != nil {
				return err
			}
		}
		for done := 0; ; done++ {
			if err := p.Barrier(context.Background(), fmt.Sprint("step ", done)); err != nil { // as a step's exchanges
				return err
			}
			if stop, err := p.trainer().Stop(done); err != nil || stop {
				return errors.Join(err, fmt.Errorf("%w after step %d", train.ErrInterrupted, done))
			}
		}
	})
	for i, err := range errs {
		var s guard.Signalled
		if !errors.As(err, &s) || s.Code() != 143 || !errors.Is(err, train.ErrInterrupted) || !strings.Contains(err.Error(), "process 1 (pid") {
			t.Errorf("process %d: %v, want SIGTERM to process 1", i, err)
		}
	}
	if errs[0].Error() != errs[1].Error() {
		t.Errorf("%q and %q, want the same step", errs[0], errs[1])
	}
}

// Nobody is nobody.
func TestAlone(t *testing.T) {
	var p *peers
	if p.engine() != nil || p.trainer() != nil || p.follows() || p.watch(nil, nil) != nil {
		t.Error("one process alone has others")
	}
}
