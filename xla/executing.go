package xla

// #include "table.h"
import "C"

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

// Executing returns what was executed so far by this engine and any other of its plugin in this process; nothing for the
// go engine.
func (e *Engine) Executing() Executing {
	if e.plugin == nil {
		return Executing{}
	}
	var programs, arguments, nanoseconds C.int64_t
	C.mt_executing(C.int(e.plugin.slot), &programs, &arguments, &nanoseconds)
	return Executing{Programs: int64(programs), Arguments: int64(arguments), Time: time.Duration(nanoseconds)}
}
