package train

import (
	"time"

	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// Saving is what the checkpoints of a process's part of a run cost.
type Saving struct {
	// Checkpoints is how many were written, of Bytes in the largest.
	Checkpoints int
	Bytes       int64
	// Waited is how long training stood still for them: while the state was copied to the host, and where a checkpoint
	// was due before the one before it was written.
	Waited time.Duration
	// Written is how long the writing took, which training went on beside.
	Written time.Duration
}

// saver writes checkpoints in the background, one at a time. It is used from one goroutine; what it runs in the
// background is over when wait has returned.
type saver struct {
	saving   Saving
	inFlight chan written // nil when nothing is
}

// written is how a write ended.
type written struct {
	bytes int64
	took  time.Duration
	err   error
}

// start runs write beside the caller. Nothing is in flight: wait was called.
func (s *saver) start(bytes int64, write func() error) {
	done := make(chan written, 1)
	s.inFlight = done
	go func() {
		start := time.Now()
		err := guard.Call(write)
		done <- written{bytes, time.Since(start), err}
	}()
}

// poll returns the error of a write that has ended since the last call, without waiting for one that has not.
func (s *saver) poll() error {
	select {
	case w := <-s.inFlight: // never, where it is nil
		return s.end(w)
	default:
		return nil
	}
}

// wait returns once nothing is in flight, with the error of what was.
func (s *saver) wait() error {
	if s.inFlight == nil {
		return nil
	}
	start := time.Now()
	w := <-s.inFlight
	s.saving.Waited += time.Since(start)
	return s.end(w)
}

func (s *saver) end(w written) error {
	s.inFlight = nil
	if w.err == nil {
		s.saving.Checkpoints++
		s.saving.Bytes = max(s.saving.Bytes, w.bytes)
		s.saving.Written += w.took
	}
	return w.err
}
