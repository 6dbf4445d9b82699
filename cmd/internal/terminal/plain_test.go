package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// TestPlain has everything that a terminal obeys escaped, whole or in pieces, and all else left.
func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"loss\t1.0\nógórek, 图\n": "loss\t1.0\nógórek, 图\n",
		"a\x1b[2Jb":              `a\u001b[2Jb`,
		"\x1b]0;title\a\r\b\x7f": `\u001b]0;title\u0007\u000d\u0008\u007f`,
		"\u009b31m, \x9b31m":     `\u009b31m, \x9b31m`,
		"gpj\u202egpj.exe\u2066": `gpj\u202egpj.exe\u2066`,
		"one\u2028two":           `one\u2028two`,
		"\xff\xfe":               `\xff\xfe`,
	} {
		for _, pieces := range []int{len(text), 1} {
			var out bytes.Buffer
			w := Plain(&out)
			for at := 0; at < len(text); at += pieces {
				if n, err := fmt.Fprint(w, text[at:at+pieces]); err != nil || n != pieces {
					t.Fatalf("%q: %d bytes written, error %v", text, n, err)
				}
			}
			if out.String() != want {
				t.Errorf("%q in pieces of %d: %q, want %q", text, pieces, out.String(), want)
			}
		}
	}
	var out bytes.Buffer
	value := "\x1b\x7f\u009b\u202e\u2028"
	must.M(json.NewEncoder(Plain(&out)).Encode(value))
	var back string
	if must.M(json.Unmarshal(out.Bytes(), &back)); back != value {
		t.Errorf("JSON %s reads as %q, want %q", out.Bytes(), back, value)
	}
}

// TestBarsDraw has a bar reach the terminal beneath the command's own writer, which would show its escapes; the text beside
// it stays quoted.
func TestBarsDraw(t *testing.T) {
	var out bytes.Buffer
	b := newBar(Plain(&out))
	b.set(1, 2, "evil\x1b[31m")
	b.clear()
	if text := out.String(); strings.Contains(text, `\u000d`) || !strings.Contains(text, "\r") || !strings.Contains(text, `evil\u001b[31m`) || !strings.Contains(text, "1/2") {
		t.Errorf("drawn %q, want a bar with its text quoted", text)
	}
}
