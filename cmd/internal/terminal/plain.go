package terminal

import (
	"cmp"
	"fmt"
	"io"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Plain returns a writer to w that escapes what a terminal would obey: a file's name, a class or a tensor's name can hold
// sequences that move the cursor, change the title or turn text around. Newlines and tabs pass. An escape is JSON's and
// Go's, \u001b, so that JSON stays JSON.
func Plain(w io.Writer) io.Writer { return &plainWriter{w: w} }

type plainWriter struct {
	mu   sync.Mutex
	w    io.Writer
	held []byte // the beginning of a character whose end has not been written
	err  error  // the first of writing to w
}

// WriteError is the first error of writing to what Plain returned: much of what prints, cobra's help among it, drops it.
func WriteError(plain io.Writer) error {
	p, ok := plain.(*plainWriter)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("what is printed could not be written: %w", p.err)
}

// beneath is the writer below a plain one, for what draws on a terminal, such as a progress bar: nothing from a file goes
// there but through quoted.
func beneath(w io.Writer) io.Writer {
	if p, ok := w.(*plainWriter); ok {
		return p.w
	}
	return w
}

// Write implements io.Writer.
func (p *plainWriter) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out, held := escape(append(p.held, text...))
	p.held = held
	if _, err := p.w.Write(out); err != nil {
		p.err = cmp.Or(p.err, err)
		return 0, err
	}
	return len(text), nil
}

// quoted escapes a text that goes to a terminal otherwise than through a plainWriter.
func quoted(text string) string {
	out, _ := escape([]byte(text)) // the beginning of a character, at the end, shows nothing
	return string(out)
}

// escape returns the text without what a terminal obeys, but for the beginning of a character at its end.
func escape(text []byte) (out, held []byte) {
	out = make([]byte, 0, len(text))
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			return out, append([]byte(nil), text...)
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\x%02x`, text[0])
		case obeyed(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return out, nil
}

// obeyed tells control characters, and those that change the direction of text or end a line, from what is only shown.
func obeyed(r rune) bool {
	return r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
