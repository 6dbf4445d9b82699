package train

import (
	"testing"
	"time"
)

// A run whose epochs are long saves every ten minutes; one that says how often does not.
func TestCheckpointsByTime(t *testing.T) {
	clock := time.Unix(0, 0)
	s := &session{perEpoch: 1000, total: 10000, done: 7, saved: -1, savedAt: clock, now: func() time.Time { return clock }}
	if s.checkpointDue() {
		t.Error("due at once")
	}
	clock = clock.Add(checkpointInterval)
	if !s.checkpointDue() {
		t.Error("not due after the interval")
	}
	s.saved = 7
	if s.checkpointDue() {
		t.Error("due for a step that is saved")
	}
	s.saved, s.config.Run.CheckpointEvery = -1, 1000
	if s.checkpointDue() {
		t.Error("due by time, though the configuration counts steps")
	}
}
