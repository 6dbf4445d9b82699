package main

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
)

// broken is an output that takes nothing.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

// TestUnwritten: what could not be printed is a failure, also where cobra prints it; where nobody reads on it is quiet.
func TestUnwritten(t *testing.T) {
	for _, args := range []string{"completion bash", "search --help", "help train", "--help", "--version", "__complete rep"} {
		var stderr bytes.Buffer
		code := execute(t.Context(), strings.Fields(args), broken{syscall.ENOSPC}, &stderr)
		if code != exitFailed || !strings.Contains(stderr.String(), syscall.ENOSPC.Error()) {
			t.Errorf("%s: exit code %d, stderr %q, want %d and that the disk is full", args, code, stderr.String(), exitFailed)
		}
		stderr.Reset()
		if code := execute(t.Context(), strings.Fields(args), broken{syscall.EPIPE}, &stderr); code != 128+int(syscall.SIGPIPE) || strings.Contains(stderr.String(), "mocotpu:") {
			t.Errorf("%s: exit code %d, stderr %q, want the code of SIGPIPE", args, code, stderr.String())
		}
	}
}
