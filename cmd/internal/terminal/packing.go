package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
)

// brokenShown is how many broken images are named while packing; meta.json names them all.
const brokenShown = 20

// packing shows how a set is packed. Broken images come from any goroutine.
type packing struct {
	talk  io.Writer
	mu    sync.Mutex
	bar   *bar // nil in a log
	last  time.Time
	shown int
}

// Packing makes packing with the options show how it comes along: a bar, or in a log a line now and then, and the broken
// images. end takes the bar away.
func Packing(talk io.Writer, o *packed.Options) (end func()) {
	p := &packing{talk: talk}
	if watched(talk) {
		p.bar = newBar(talk, progressbar.OptionShowIts(), progressbar.OptionSetItsString("img"))
	}
	o.Progress, o.Note, o.Broken = p.at, p.note, p.broken
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.bar != nil {
			p.bar.clear()
		}
	}
}

func (p *packing) at(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.set(int64(done), int64(total), "packing")
		return
	}
	if now := time.Now(); now.Sub(p.last) > 10*time.Second {
		p.last = now
		fmt.Fprintf(p.talk, "packed %d of %d\n", done, total)
	}
}

func (p *packing) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line(text)
}

func (p *packing) broken(b files.Broken) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.shown++; {
	case p.shown <= brokenShown:
		p.line(fmt.Sprintf("broken image left out: %s: %s", b.Name, b.Problem))
	case p.shown == brokenShown+1:
		p.line("more broken images: meta.json will name them all")
	}
}

func (p *packing) line(text string) {
	if p.bar != nil {
		p.bar.clear()
	}
	fmt.Fprintln(p.talk, text)
}
