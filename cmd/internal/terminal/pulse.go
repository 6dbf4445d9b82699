package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// silence is how long a command prints nothing at most, where no bar moves.
const silence = 30 * time.Second

// pulse prints what goes on whenever nothing was printed for [silence]. It is a writer for what is printed otherwise. Its
// methods may be called from any goroutine.
type pulse struct {
	mu    sync.Mutex
	w     io.Writer
	what  func() string // nil while nothing goes on
	began time.Time     // of what goes on
	timer *time.Timer   // since something was printed
	stop  chan struct{}
	ended sync.Once
}

// newPulse begins to watch over w; end it.
func newPulse(w io.Writer) *pulse {
	p := &pulse{w: w, timer: time.NewTimer(silence), stop: make(chan struct{})}
	go func() {
		defer p.timer.Stop()
		for {
			select {
			case now := <-p.timer.C:
				p.beat(now)
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// beat prints a line.
func (p *pulse) beat(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.what != nil {
		fmt.Fprint(p.w, p.what())
		if took := now.Sub(p.began).Round(time.Second); took > 0 { // a step of training has just begun, as a rule
			fmt.Fprintf(p.w, " (%s so far)", took)
		}
		fmt.Fprintln(p.w)
	}
	p.timer.Reset(silence)
}

// Write implements [io.Writer].
func (p *pulse) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Reset(silence)
	return p.w.Write(text)
}

// now says what goes on from here; nil is nothing.
func (p *pulse) now(what func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what, p.began = what, time.Now()
}

// end stops printing.
func (p *pulse) end() { p.ended.Do(func() { close(p.stop) }) }
