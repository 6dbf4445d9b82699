package xla

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// XLA ends the process when it meets a word in XLA_FLAGS that it does not know, or a flag file that it cannot open. So
// the words are checked before XLA sees them: a flag's name is a string of the library that defines it, and the
// libraries are loaded by then. XLA takes a boolean without a value, too; here every flag needs one, since a text or
// number without one ends the process. What is not caught is a value of the wrong type.

// maxFlags bounds a file of flags, in bytes.
const maxFlags = 1 << 20

var flagWord = regexp.MustCompile(`(?s)^--(xla_[a-z0-9_]+)=`)

// checkFlags refuses what XLA_FLAGS holds if XLA would. Call it after the plugin is loaded and before it is used.
func checkFlags() error {
	text := os.Getenv("XLA_FLAGS")
	if trimmed := strings.TrimLeft(text, " \t\r\n"); trimmed != "" && trimmed[0] != '-' {
		file, err := regular.ReadFile(text, maxFlags)
		if err != nil {
			return &Error{
				Op: "XLA_FLAGS", Code: InvalidArgument,
				Msg: fmt.Sprintf("%q starts with no -, so it names a file of flags: %v", text, err),
			}
		}
		text = string(file)
	}
	words, err := splitFlags(text)
	if err != nil {
		return &Error{Op: "XLA_FLAGS", Code: InvalidArgument, Msg: err.Error()}
	}
	var names []string
	for _, w := range words {
		m := flagWord.FindStringSubmatch(w)
		if m == nil {
			return &Error{Op: "XLA_FLAGS", Code: InvalidArgument, Msg: fmt.Sprintf("%q, want --xla_name=value (a boolean as true or false)", w)}
		}
		names = append(names, m[1])
	}
	if unknown := unknownWord(names); unknown != "" {
		return &Error{
			Op: "XLA_FLAGS", Code: InvalidArgument,
			Msg: fmt.Sprintf("this XLA knows no flag --%s and would end the process: correct or unset XLA_FLAGS", unknown),
		}
	}
	return nil
}

// terminateFlag limits how long XLA CPU waits for a device at a collective after its warning, then it ends the process.
// Its own 40 seconds are short where many virtual devices share few cores.
const (
	terminateFlag    = "xla_cpu_collective_call_terminate_timeout_seconds"
	terminateSeconds = 600
)

// setFlag adds --name=value to XLA_FLAGS unless the user has set it or this XLA does not know it, and returns how to
// take it back. XLA reads the variable once, at the latest when the first client is made.
func setFlag(name string, value int) (restore func(), err error) {
	old, had := os.LookupEnv("XLA_FLAGS")
	isFile := strings.TrimSpace(old) != "" && !strings.HasPrefix(strings.TrimSpace(old), "-")
	if isFile || strings.Contains(old, "--"+name+"=") || unknownWord([]string{name}) != "" {
		return func() {}, nil
	}
	if err := os.Setenv("XLA_FLAGS", fmt.Sprintf("%s --%s=%d", old, name, value)); err != nil {
		return nil, err
	}
	return func() {
		if had {
			_ = os.Setenv("XLA_FLAGS", old) // it could be set before
		} else {
			_ = os.Unsetenv("XLA_FLAGS")
		}
	}, nil
}

// splitFlags splits the text at white space; the value of a flag may be quoted with ' or ", where \ quotes a character
// within "...".
func splitFlags(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == '"' && c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case (c == '"' || c == '\'') && strings.HasSuffix(word.String(), "="):
			quote = c
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
			continue
		default:
			word.WriteByte(c)
		}
		in = true
	}
	if quote != 0 {
		return nil, fmt.Errorf("%q has an unclosed %c", text, quote)
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
