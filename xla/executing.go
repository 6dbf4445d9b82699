package xla

import "time"

// Executing is what an engine has executed: the host's share of a loop is what of its time is not Time.
type Executing struct {
	Programs  int64         // executions, each over all of its devices
	Arguments int64         // buffers given to them, over all devices
	Time      time.Duration // from each call of the plugin until the last device was done
}

// Sub is what was executed since an earlier answer.
func (x Executing) Sub(before Executing) Executing {
	return Executing{x.Programs - before.Programs, x.Arguments - before.Arguments, x.Time - before.Time}
}

// stragglers is how many devices still run a program whose execution has failed: they may read its inputs. Only where the
// host shares a device's memory does it matter: elsewhere the plugin keeps what its devices read.
func (e *Engine) stragglers() int {
	if e.plugin == nil || !e.HasSharedBuffers() {
		return 0
	}
	return e.plugin.stragglers(e.client)
}

// Executing returns what was executed so far by this engine and any other of its plugin in this process; nothing for the
// go engine.
func (e *Engine) Executing() Executing {
	if e.plugin == nil {
		return Executing{}
	}
	return e.plugin.executing()
}
