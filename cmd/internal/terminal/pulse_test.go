package terminal

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// TestPulse: a line for each stretch of silence, none where something was printed, none where nothing goes on.
func TestPulse(t *testing.T) {
	var out bytes.Buffer
	p := newPulse(&out, make(chan time.Time))
	defer p.end()
	tick := func() { p.tick(p.began.Add(42 * time.Second)) }
	tick()
	p.now(func() string { return "still compiling" })
	tick()
	fmt.Fprintln(p, "a row")
	tick()
	tick()
	p.now(nil)
	tick()
	want := "still compiling (42s so far)\na row\nstill compiling (42s so far)\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}
