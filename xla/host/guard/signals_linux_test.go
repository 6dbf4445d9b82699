package guard

import (
	"context"
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestPipeOfALibrary: a SIGPIPE while somebody reads the output is none of the user's.
func TestPipeOfALibrary(t *testing.T) {
	if outputGone() {
		t.Skip("nobody reads the output of this test")
	}
	Unsaved.Store(true) // or the process would end after a moment, were it taken for one
	defer Unsaved.Store(false)
	ctx, stop := Signals(t.Context(), io.Discard)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGPIPE); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
		t.Errorf("it ended: %v", context.Cause(ctx))
	case <-time.After(100 * time.Millisecond):
	}
}
