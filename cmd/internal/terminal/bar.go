package terminal

import (
	"io"
	"os"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// watched tells whether a person watches what is written to w.
func watched(w io.Writer) bool {
	f, ok := beneath(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A bar is drawn on a terminal that a person watches, once something is done; one that cannot be drawn is no failure. The
// text beside it is quoted.
type bar struct {
	style []progressbar.Option
	drawn *progressbar.ProgressBar
}

// newBar is a bar on w, with what style adds.
func newBar(w io.Writer, style ...progressbar.Option) *bar {
	return &bar{style: append([]progressbar.Option{
		progressbar.OptionSetWriter(beneath(w)), progressbar.OptionSetPredictTime(true), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(200 * time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(24),
	}, style...)}
}

// set draws so many done of all, on a new bar where all changed.
func (b *bar) set(done, total int64, what string) {
	if b.drawn == nil || b.drawn.GetMax64() != total {
		b.clear()
		b.drawn = progressbar.NewOptions64(total, append(slices.Clip(b.style), progressbar.OptionSetDescription(quoted(what)))...)
	}
	_ = b.drawn.Set64(done)
}

// describe changes the text beside the bar.
func (b *bar) describe(what string) {
	if b.drawn != nil {
		b.drawn.Describe(quoted(what))
	}
}

// clear makes room for a line where the bar stands.
func (b *bar) clear() {
	if b.drawn != nil {
		_ = b.drawn.Clear()
	}
}

// Download returns a function that shows how much of something has come, in bytes; in a log it shows nothing.
func Download(w io.Writer, name string) func(done, total int64) {
	if !watched(w) {
		return func(_, _ int64) {}
	}
	b := newBar(w, progressbar.OptionShowBytes(true))
	return func(done, total int64) { b.set(done, total, name) }
}
