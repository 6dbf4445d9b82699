package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/mocotpu/mocotpu/xla"
)

// hostShare is what the host does of a step, and the devices do not see.
type hostShare struct {
	// StepMS is a step from one to the next; ExecutingMS of it the devices work, WaitingMS the loop waits for data, and
	// HostMS is the rest: the time between two executions.
	StepMS      float64 `json:"step_ms"`
	ExecutingMS float64 `json:"executing_ms"`
	WaitingMS   float64 `json:"waiting_ms"`
	HostMS      float64 `json:"host_ms"`
	// Share is HostMS of StepMS, 0 to 1.
	Share float64 `json:"share"`
	// CgoCalls and Buffers are a step's, over all devices: calls from Go into C, and arguments of the program. The former
	// include those of the feed, which works beside the step.
	CgoCalls float64 `json:"cgo_calls"`
	Buffers  float64 `json:"buffers"`
	// InputBytes are written for a step's inputs.
	InputBytes int64 `json:"input_bytes"`
}

// hostWatch sees what a loop does from its making on.
type hostWatch struct {
	engine *xla.Engine
	start  time.Time
	did    xla.Executing
	cgo    int64
}

func watchHost(e *xla.Engine) hostWatch {
	return hostWatch{engine: e, start: time.Now(), did: e.Executing(), cgo: runtime.NumCgoCall()}
}

// share is the host's part of so many steps, of which the loop waited for data.
func (w hostWatch) share(steps int, waited time.Duration, inputBytes int64) hostShare {
	took, did := time.Since(w.start), w.engine.Executing().Sub(w.did)
	perStep := func(d time.Duration) float64 { return 1e3 * d.Seconds() / float64(steps) }
	h := hostShare{
		StepMS: perStep(took), ExecutingMS: perStep(did.Time), WaitingMS: perStep(waited),
		CgoCalls: float64(runtime.NumCgoCall()-w.cgo) / float64(steps), Buffers: float64(did.Arguments) / float64(steps),
		InputBytes: inputBytes,
	}
	h.HostMS = h.StepMS - h.ExecutingMS - h.WaitingMS
	h.Share = h.HostMS / h.StepMS
	return h
}

func (h hostShare) String() string {
	return fmt.Sprintf("a step of %.1f ms: executing %.1f, waiting for data %.1f, the host between executions %.2f (%.1f%%); %.0f buffers, %.0f cgo calls, %.1f MiB of inputs",
		h.StepMS, h.ExecutingMS, h.WaitingMS, h.HostMS, 100*h.Share, h.Buffers, h.CgoCalls, float64(h.InputBytes)/(1<<20))
}
