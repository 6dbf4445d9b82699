package main

import (
	"encoding/json"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
)

// serveJobs does what this process was started for by another process of this program, and tells whether it was.
func serveJobs() bool {
	return plan.Serve(compileSource) || xla.ServeProbe() || benchEngines.Serve()
}

// compileSource compiles the very step that train runs with a configuration, which is the source.
func compileSource(e *xla.Engine, source []byte) error {
	var c run.Config
	if err := json.Unmarshal(source, &c); err != nil {
		return err
	}
	side, channels := c.Data.Image()
	s, err := step.Compiled(e, e.NumDevices(), c.Step(), c.Run.Seed, side, channels)
	if err != nil {
		return err
	}
	s.Close()
	return nil
}
