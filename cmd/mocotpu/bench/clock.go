package bench

import (
	"fmt"
	"math"
	"time"
)

// answer is what a program prints: a script of peer, or our own in a child process.
type answer struct {
	Versions map[string]string `json:"versions"`
	// Devices are those of the engine that was opened.
	Devices int `json:"devices"`
	// FirstMS is the first step's time; MS are the timed ones'. Losses are those of all steps.
	FirstMS float64   `json:"first_ms"`
	MS      []float64 `json:"ms"`
	Losses  []float64 `json:"losses"`
	// PeakBytes is the most memory that the process held. DeviceBytes is what the step needs on a device, as the
	// program's compiler or allocator reports it. 0 is unknown.
	PeakBytes   int64 `json:"peak_bytes"`
	DeviceBytes int64 `json:"device_bytes"`
	// Values are what else was measured, by unit.
	Values map[string]float64 `json:"values"`
	// Missing says why there are no times.
	Missing string `json:"missing"`
}

// pace is how long a program runs: steps that warm up, then timed ones; no further one when the process is so many seconds
// old.
type pace struct {
	Warmup  int     `json:"warmup"`
	Repeat  int     `json:"repeat"`
	Seconds float64 `json:"seconds"`
}

// clock measures steps as peer/clock.py does.
type clock struct {
	pace
	began  time.Time // of the process
	steps  int
	answer answer
}

// tick ends a step, and says whether there is another.
func (c *clock) tick(loss float32, took time.Duration) (more bool, err error) {
	if math.IsNaN(float64(loss)) || math.IsInf(float64(loss), 0) {
		return false, fmt.Errorf("bench: the loss of step %d is %v, want a number: try a lower --lr", c.steps, loss)
	}
	ms := float64(took) / float64(time.Millisecond)
	if c.steps == 0 {
		c.answer.FirstMS = ms
	}
	c.steps++
	c.answer.Losses = append(c.answer.Losses, float64(loss))
	timed := c.steps - c.Warmup
	if timed < 1 {
		return true, nil
	}
	c.answer.MS = append(c.answer.MS, ms)
	return timed < c.Repeat && time.Since(c.began).Seconds() <= c.Seconds, nil
}
