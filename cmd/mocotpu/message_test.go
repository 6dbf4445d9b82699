package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestTellIsShort has an error that quotes a file at length cut.
func TestTellIsShort(t *testing.T) {
	var out bytes.Buffer
	tell(&out, newRoot(), errors.New(strings.Repeat("x", 1<<20)))
	if out.Len() > 9<<10 || !strings.Contains(out.String(), "bytes more") {
		t.Errorf("%d bytes: ...%s", out.Len(), out.Bytes()[out.Len()-40:])
	}
}
