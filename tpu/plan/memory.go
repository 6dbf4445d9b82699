package plan

import (
	"errors"

	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/xla"
)

// OutOfMemory is the plan of the program that an engine had no memory for, where err says so: what of it is known, and
// in Plan.Advice what would take less. It is nil for any other error, and where the engine has compiled no program yet.
func OutOfMemory(e *xla.Engine, program Program, err error) (*Plan, error) {
	var failed *xla.Error
	if !errors.As(err, &failed) || failed.Code != xla.ResourceExhausted {
		return nil, nil
	}
	ran := failed.Program
	if all := e.Programs(); ran == nil && len(all) > 0 { // a copy to the device failed
		ran = all[len(all)-1]
	}
	if ran == nil {
		return nil, nil
	}
	c := &Compilation{
		Target: e.EngineName(), Compiler: e.PluginVersion(), Devices: ran.Devices, Marked: ran.Marked, Program: ran.StableHLO(), Failure: failed.Msg,
	}
	if err := c.read(ran); err != nil && !errors.Is(err, xla.ErrReleased) { // released: it was never compiled
		return nil, err
	}
	target := Engine(e.EngineName(), e.NumDevices())
	if t, ok := tpu.OfPlugin(e.PluginVersion(), e.NumDevices()); ok {
		target = TPU(t, e.NumDevices())
	}
	return makePlan(c, target, program)
}
