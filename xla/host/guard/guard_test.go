package guard

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
)

func faulty() { panic("as it happens") }

// TestCall has a panic come back as an error that knows its stack, through any number of groups, and an error as it is.
func TestCall(t *testing.T) {
	want := errors.New("no")
	if err := Call(func() error { return want }); err != want {
		t.Errorf("error %v, want %v", err, want)
	}
	var done atomic.Int32
	err := Call(func() error {
		var outer Group
		for range 3 {
			outer.Go(func() {
				var inner Group
				inner.Go(faulty)
				inner.Go(func() { done.Add(1) })
				inner.Wait()
			})
		}
		outer.Wait()
		return nil
	})
	var p *Panic
	if !errors.As(err, &p) || p.Value != "as it happens" || !strings.Contains(string(p.Stack), "guard.faulty") {
		t.Errorf("error %v, want the panic and the stack of faulty", err)
	}
	if done.Load() != 3 {
		t.Errorf("%d of the other goroutines ended, want 3 before the panic is passed on", done.Load())
	}
}

func TestGroupWithoutPanic(t *testing.T) {
	var g Group
	var n atomic.Int32
	for range 10 {
		g.Go(func() { n.Add(1) })
	}
	if g.Wait(); n.Load() != 10 {
		t.Errorf("%d of 10 have ended", n.Load())
	}
}
