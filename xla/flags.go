//go:build cgo

package xla

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// XLA ends the process when it meets a word in XLA_FLAGS that it does not know, or a flag file that it cannot open. So
// the words are checked before XLA sees them: a flag's name is a string of the library that defines it, and the
// libraries are loaded by then. XLA takes a boolean without a value, too; here every flag needs one, since a text or
// number without one ends the process. What is not caught is a value of the wrong type.

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

// cpuFlags are the words that the cpu engine with that many devices adds to XLA_FLAGS.
//
// XLA's warning after 20 seconds and its end of the process after 40 more become ours: a program on several devices that
// makes no progress is reported after 20 seconds, and given up after a minute for every device that a core has to serve, at
// most ten: where many devices share few cores, one may be ahead of another by that much.
//
// YNNPACK's fusions gain nothing here, their builder was next to the only segmentation fault seen in XLA, and others have
// found wrong numbers in them: an empty list of their kinds leaves them out.
func cpuFlags(devices, cores int) [][2]string {
	perCore := (devices + cores - 1) / cores
	return [][2]string{
		{"xla_cpu_collective_call_warn_stuck_timeout_seconds", "20"},
		{"xla_cpu_collective_call_terminate_timeout_seconds", strconv.Itoa(60 * min(max(perCore, 1), 10))},
		{"xla_cpu_experimental_ynn_fusion_type", ""},
	}
}

// severalGPUFlags are the words that the cuda engine adds to XLA_FLAGS where it is that of several processes: otherwise each
// would tune a part of a program and wait for what the others find, of which one may load what it compiled before.
var severalGPUFlags = [][2]string{{"xla_gpu_shard_autotuning", "false"}}

// setFlags adds words to XLA_FLAGS, but those that the user has set or that this XLA does not know, and returns how to
// take them back. XLA reads the variable once, at the latest when the first client is made.
func setFlags(flags [][2]string) (restore func(), err error) {
	old, had := os.LookupEnv("XLA_FLAGS")
	if trimmed := strings.TrimSpace(old); trimmed != "" && !strings.HasPrefix(trimmed, "-") {
		return func() {}, nil // the name of a file
	}
	text := old
	for _, f := range flags {
		if !strings.Contains(old, "--"+f[0]+"=") && unknownWord([]string{f[0]}) == "" {
			text += " --" + f[0] + "=" + f[1]
		}
	}
	if err := os.Setenv("XLA_FLAGS", text); err != nil {
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
