package xla

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// probeTime is how long an engine may take to open: a TPU's library waits for its hardware.
const probeTime = 2 * time.Minute

// probed is what a probe finds.
type probed struct {
	Devices int
	Version string
}

// probing is the job of opening an engine.
var probing = child.Job[string, probed]{Name: "probe", Errors: []error{setup.ErrNoDevice}}

// ServeProbe opens an engine for [Probe] and returns true, if this process was started for that; else it returns false at
// once. A program that calls Probe begins its main function with it, see [child.Job].
func ServeProbe() bool {
	return probing.Serve(func(_ context.Context, engine string) (probed, error) {
		e, err := Open(engine, Options{})
		if err != nil {
			return probed{}, err
		}
		defer e.Close()
		return probed{e.NumDevices(), e.PluginVersion()}, nil
	})
}

// Probe opens an engine in a child process, as a plugin may abort its process or wait for ever, and returns the number of
// its devices and its version. The error matches [setup.ErrNoDevice] where the machine has no device for it.
func Probe(ctx context.Context, engine string) (devices int, version string, err error) {
	found, err := probing.Ask(ctx, engine, probeTime)
	var ended *child.Error
	switch {
	case errors.Is(err, child.ErrLimit):
		err = fmt.Errorf("it did not open within %s", probeTime)
	case errors.As(err, &ended):
		err = fmt.Errorf("opening it ended the process: %w", err)
	case errors.Is(err, setup.ErrNoDevice):
		err = fmt.Errorf("%w in this machine: it only compiles (mocotpu compile)", setup.ErrNoDevice)
	}
	return found.Devices, found.Version, err
}
