package terminal

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestPulse: a line thirty seconds after the last, whatever it was, none where nothing goes on.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newPulse(&out)
		defer p.end()
		after := func(wait time.Duration, want string) {
			t.Helper()
			p.mu.Lock()
			out.Reset()
			p.mu.Unlock()
			time.Sleep(wait)
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if out.String() != want {
				t.Errorf("printed %q, want %q", out.String(), want)
			}
		}
		after(time.Minute, "")
		time.Sleep(time.Second)
		p.now(func() string { return "still compiling" })
		after(29*time.Second, "still compiling (29s so far)\n")
		time.Sleep(15 * time.Second)
		fmt.Fprintln(p, "a row")
		after(29*time.Second, "")
		after(time.Second, "still compiling (1m14s so far)\n")
		p.now(nil)
		after(time.Minute, "")
	})
}
