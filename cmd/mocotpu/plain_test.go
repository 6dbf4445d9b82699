package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// TestPlainWriter has everything that a terminal obeys escaped, whole or in pieces, and all else left.
func TestPlainWriter(t *testing.T) {
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
			w := newPlain(&out)
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
	must.M(json.NewEncoder(newPlain(&out)).Encode(value))
	var back string
	if must.M(json.Unmarshal(out.Bytes(), &back)); back != value {
		t.Errorf("JSON %s reads as %q, want %q", out.Bytes(), back, value)
	}
}

// TestNamesAreQuoted prints names that strangers chose, by both outputs.
func TestNamesAreQuoted(t *testing.T) {
	evil := "x\x1b]0;hacked\a\x1b[31m"
	dir := filepath.Join(t.TempDir(), evil)
	must.M(os.MkdirAll(filepath.Join(dir, evil), 0o755))
	for _, args := range [][]string{
		{evil},
		{"train", "--" + evil},
		{"train", "--dir=" + dir},
		{"train", "--preset=moco-v2", "--data=" + dir, "--backend=go"},
		{"embed", dir},
		{"import", dir},
		{"data", "verify", dir},
		{"report", dir},
	} {
		code, stdout, stderr := call(t, args...)
		if code != exitUsage {
			t.Errorf("%q: exit code %d, want %d: %s", args, code, exitUsage, stderr)
		}
		if strings.ContainsAny(stdout+stderr, "\x1b\a") || !strings.Contains(stderr, `x\u001b`) && !strings.Contains(stderr, `x\x1b`) {
			t.Errorf("%q: printed %q and %q, want the name quoted", args, stdout, stderr)
		}
	}
}

// TestBarsDrawOnTerminals has every progress bar given the terminal: through the command's own writer its escapes would be
// shown.
func TestBarsDrawOnTerminals(t *testing.T) {
	for _, name := range must.M1(filepath.Glob("*.go")) {
		for _, line := range strings.Split(string(must.M1(os.ReadFile(name))), "\n") {
			if strings.Contains(line, "OptionSetWriter(") && !strings.Contains(line, "OptionSetWriter(terminalOf(") && !strings.Contains(line, "strings.Contains") {
				t.Errorf("%s: %s", name, strings.TrimSpace(line))
			}
		}
	}
}
