package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// silence is how long a command prints nothing at most, where no bar moves.
const silence = 30 * time.Second

// pulse prints what goes on whenever nothing was printed for a while. It is a writer for what is printed otherwise. Its
// methods may be called from any goroutine.
type pulse struct {
	mu    sync.Mutex
	w     io.Writer
	what  func() string // nil while nothing goes on
	began time.Time     // of what goes on
	wrote bool          // since the last tick
	stop  chan struct{}
	ended sync.Once
}

// newPulse begins to watch over w; end it. A nil ticks is a tick every [silence].
func newPulse(w io.Writer, ticks <-chan time.Time) *pulse {
	p := &pulse{w: w, stop: make(chan struct{})}
	var ticker *time.Ticker
	if ticks == nil {
		ticker = time.NewTicker(silence)
		ticks = ticker.C
	}
	go func() {
		if ticker != nil {
			defer ticker.Stop()
		}
		for {
			select {
			case now := <-ticks:
				p.tick(now)
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// tick prints a line where nothing was printed since the last tick.
func (p *pulse) tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.wrote && p.what != nil {
		fmt.Fprint(p.w, p.what())
		if took := now.Sub(p.began).Round(time.Second); took > 0 { // a step of training has just begun, as a rule
			fmt.Fprintf(p.w, " (%s so far)", took)
		}
		fmt.Fprintln(p.w)
	}
	p.wrote = false
}

// Write implements [io.Writer].
func (p *pulse) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrote = true
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
