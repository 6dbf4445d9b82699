//go:build cgo

package train

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// tinyLoop returns what runs one step of a net so small that the host's work shows, its state on the devices.
func tinyLoop(b *testing.B, devices int) (once func(), e *xla.Engine) {
	b.Helper()
	c := run.Glyphs()
	c.Encoder.Width, c.Encoder.Dim, c.MoCo.Batch, c.MoCo.Queue, c.Views.ImageSize, c.Data.TrainImages = 4, 16, 16, 32, 8, 256
	e = xlatest.CPU(b, devices)
	return loopOf(b, c, e, devices), e
}

// loopOf returns what runs one step of a configuration, always on the same images, its state on the devices.
func loopOf(t testing.TB, c run.Config, e *xla.Engine, devices int) (once func()) {
	t.Helper()
	definition := c.Step()
	p := must.M1(step.New(engines.Mesh(t, e, devices), definition, 0))
	source := must.M1(c.Data.Source("train", nil))
	t.Cleanup(func() { must.M(source.Close()) })
	info := source.Info()
	must.M(p.Compile(info.Size, info.Channels))
	t.Cleanup(p.Close)
	feed := must.M1(NewFeed(p, source, definition.Views.(augment.Config), 0))
	t.Cleanup(func() { must.M(feed.Close()) })
	batch := <-feed.Start(t.Context(), 0, 1)
	once = func() { must.M1(p.Run(batch.Slot, 0.01)) }
	once() // moves the state to the devices
	return once
}

// BenchmarkHost measures what of a step no device works, beside the arguments of the program and the calls from Go into C.
func BenchmarkHost(b *testing.B) {
	for _, devices := range []int{1, 8} {
		b.Run(fmt.Sprintf("replicas=%d", devices), func(b *testing.B) {
			step, e := tinyLoop(b, devices)
			before, cgo := e.Executing(), runtime.NumCgoCall()
			for b.Loop() {
				step()
			}
			did := e.Executing().Sub(before)
			perStep := 1 / float64(b.N)
			b.ReportMetric(1e6*(b.Elapsed()-did.Time).Seconds()*perStep, "host-us/step")
			b.ReportMetric(float64(did.Arguments)*perStep, "arguments/step")
			b.ReportMetric(float64(runtime.NumCgoCall()-cgo)*perStep, "cgo-calls/step")
		})
	}
}

// TestHostCallsPerArgument: a step is one execution, and takes four calls into C for each argument. Asking the plugin for
// the shape and the device of every result, as GoMLX does, would make eleven.
func TestHostCallsPerArgument(t *testing.T) {
	e := xlatest.CPU(t, 1)
	next := loopOf(t, tiny(""), e, 1)
	next()
	least := math.Inf(1) // what other tests left behind is freed beside some steps
	for range 20 {
		before, cgo := e.Executing(), runtime.NumCgoCall()
		next()
		did, calls := e.Executing().Sub(before), runtime.NumCgoCall()-cgo
		if did.Programs != 1 || did.Arguments < 100 {
			t.Fatalf("a step is %d executions with %d arguments, want one with the state", did.Programs, did.Arguments)
		}
		least = min(least, float64(calls)/float64(did.Arguments))
	}
	limit := 5.0
	if step.Invariants {
		limit += 4 // the checks read the state before and after the step, in two calls each
	}
	if least > limit {
		t.Errorf("%.1f calls into C for each argument, want at most %v", least, limit)
	}
}
