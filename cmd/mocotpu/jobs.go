package main

import (
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/xla"
)

// serveJobs does what this process was started for by another process of this program, and tells whether it was.
func serveJobs() bool { return machine.Serve() || xla.ServeProbe() || benchEngines.Serve() }
