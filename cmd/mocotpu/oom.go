package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/aot"
)

// explainMemory makes errTooBig of an error that says that an engine had no memory for a program of the configuration's,
// and prints the plan of that program to talk; it returns any other error as it is.
func explainMemory(talk io.Writer, e *xla.Engine, c run.Config, err error) error {
	var failed *xla.Error
	if !errors.As(err, &failed) || failed.Code != xla.ResourceExhausted {
		return err
	}
	limit := ""
	if e.EngineName() == "cuda" {
		fraction := c.Engine.GPU.MemoryFraction
		if fraction == 0 {
			fraction = 0.75 // XLA's
		}
		limit = fmt.Sprintf(", which may take %g of each GPU's: see --gpu-memory-fraction", fraction)
	}
	err = fmt.Errorf("%w\nit %w the memory of the %s engine%s", err, errTooBig, e.EngineName(), limit)
	about := *failed
	if programs := e.Programs(); about.Program == nil && len(programs) > 0 { // a copy to the device failed
		about.Program = programs[len(programs)-1]
	}
	if about.Program == nil {
		return err
	}
	compilation, failure := aot.OutOfMemory(e, e.EngineName(), &about)
	if failure != nil {
		return errors.Join(err, failure)
	}
	target := plan.Engine(e.EngineName(), e.NumDevices())
	if t, ok := slice(e.PluginVersion(), e.NumDevices()); ok {
		target = plan.TPU(t, e.NumDevices())
	}
	p, failure := plan.Of(compilation, target, planProgram(c))
	if failure != nil {
		return errors.Join(err, failure)
	}
	return errors.Join(p.WriteText(talk), err)
}
