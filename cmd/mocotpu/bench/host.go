package bench

import (
	"fmt"
	"runtime"
	"time"

	"github.com/mocotpu/mocotpu/xla"
)

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

// note adds to a row what its steps were: the time in which devices work, that in which the loop waits for data, and the
// host's rest between two executions. It returns a sentence on it. The go engine is the host: there is only the waiting.
func (w hostWatch) note(row *Row, steps int, took, waited time.Duration, inputBytes int64) string {
	perStep := func(d time.Duration) float64 { return float64(d) / float64(steps) }
	row.set(waitUnit, perStep(waited))
	if w.engine.EngineName() == "go" {
		return ""
	}
	did, cgo := w.engine.Executing().Sub(w.did), runtime.NumCgoCall()-w.cgo
	host := took - did.Time - waited
	row.set(executingUnit, perStep(did.Time))
	row.set(hostUnit, perStep(host))
	row.set(cgoUnit, float64(cgo)/float64(steps))
	row.set(buffersUnit, float64(did.Arguments)/float64(steps))
	row.set(inputUnit, float64(inputBytes))
	return fmt.Sprintf("a step of %.1f ms: executing %.1f, waiting for data %.1f, the host between executions %.2f (%.1f%%); %.0f buffers, %.0f cgo calls, %.1f MiB of inputs",
		perStep(took)/1e6, perStep(did.Time)/1e6, perStep(waited)/1e6, perStep(host)/1e6, 100*host.Seconds()/took.Seconds(),
		row.Values[buffersUnit], row.Values[cgoUnit], float64(inputBytes)/(1<<20))
}
