package main

import (
	"strings"
	"testing"
)

// TestRunsRefuses: a folder that is not there or has no run, and more than one.
func TestRunsRefuses(t *testing.T) {
	for args, want := range map[string]string{"runs none": "none", "runs a b": `unexpected argument "b"`, "runs " + t.TempDir(): "no run below"} {
		if code, stdout, stderr := call(t, strings.Fields(args)...); code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, %q, want %d and %q", args, code, stderr, exitUsage, want)
		}
	}
}
