package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// ErrLimit says that a child was killed because it took longer than it may.
var ErrLimit = errors.New("killed at its time limit")

const (
	// defaultMost is how many bytes a child may print unless its Command says otherwise.
	defaultMost = 64 << 20
	// mostWords is how much of the end of standard error is kept.
	mostWords = 1 << 20
	// goneAfter is how long after the end of a child its output may stay open, in the hands of what it left behind.
	goneAfter = 5 * time.Second
)

// A Command is a program to run as a child.
type Command struct {
	// Args are the program, a path or a name to look up, and its arguments.
	Args []string
	// Env is added to this process's environment.
	Env []string
	// Dir is the folder it runs in, "" for this process's.
	Dir string
	// Stdin is what the child reads, nothing if nil.
	Stdin []byte
	// Limit is how long it may take; 0 is as long as the context lasts.
	Limit time.Duration
	// Most is how many bytes it may print on standard output; 0 is 64 MiB.
	Most int64
}

// An Error is the failure of a child.
type Error struct {
	// Program is its name, as it was called.
	Program string
	// Code is its exit code, -1 where a signal ended it or it did not start.
	Code int
	// Words are what it printed on standard error, or the end of that: at most 1 MiB.
	Words string
	// Err says how it ended.
	Err error
}

// Error has the last line of the words.
func (e *Error) Error() string {
	words := strings.TrimSpace(e.Words)
	if last := words[strings.LastIndex(words, "\n")+1:]; last != "" {
		return fmt.Sprintf("%s: %v: %s", e.Program, e.Err, last)
	}
	return fmt.Sprintf("%s: %v", e.Program, e.Err)
}

// Unwrap returns how the child ended.
func (e *Error) Unwrap() error { return e.Err }

// Run runs the child to its end and returns what it printed on standard output, also where it failed by itself.
func (c Command) Run(ctx context.Context) ([]byte, error) {
	limited := ctx
	if c.Limit > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, c.Limit)
		defer cancel()
	}
	inner, stop := context.WithCancel(limited)
	defer stop()
	cmd := exec.CommandContext(inner, c.Args[0], c.Args[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	cmd.WaitDelay = goneAfter
	out, words := &bounded{most: c.Most, over: stop}, &tail{}
	if out.most == 0 {
		out.most = defaultMost
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(c.Stdin), out, words
	wait, err := Start(cmd)
	if err == nil {
		err = wait()
	}
	if errors.Is(err, exec.ErrWaitDelay) { // it is done, and something that it left behind holds its output
		err = nil
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fmt.Errorf("%s: %w of %s", c.Args[0], ErrLimit, c.Limit)
	case out.failed:
		return nil, &Error{Program: c.Args[0], Code: -1, Err: fmt.Errorf("it printed more than %d bytes", out.most)}
	case err != nil:
		code := -1
		if cmd.ProcessState != nil {
			code = cmd.ProcessState.ExitCode()
		}
		return out.kept, &Error{Program: c.Args[0], Code: code, Words: words.String(), Err: err}
	}
	return out.kept, nil
}

// bounded keeps what is written, and calls over when it is too much.
type bounded struct {
	kept   []byte
	most   int64
	over   func()
	failed bool
}

// Write implements [io.Writer].
func (b *bounded) Write(p []byte) (int, error) {
	if b.failed = b.failed || int64(len(b.kept)+len(p)) > b.most; b.failed {
		b.over()
		return len(p), nil
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

// tail keeps the end of what is written.
type tail struct{ text []byte }

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if len(t.text) > 2*mostWords {
		t.text = append([]byte(nil), t.text[len(t.text)-mostWords:]...)
	}
	return len(p), nil
}

// String returns the end.
func (t *tail) String() string { return string(t.text[max(0, len(t.text)-mostWords):]) }
