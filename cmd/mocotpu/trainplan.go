package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
)

// planLimit is how long the check of a plan may take before a run on a TPU.
const planLimit = 30 * time.Minute

// withoutTPU says what can be done where there is no TPU.
func withoutTPU(err error) error {
	if !noTPU(err) {
		return err
	}
	return usageError{fmt.Errorf("%w\nwithout one: mocotpu compile --topology=v3-8, with the same flags, compiles this very step for a TPU that is not "+
		"there and reports what it needs; mocotpu train --backend=cpu --devices=8 computes the numbers of eight cores", err)}
}

// noTPU tells whether a TPU did not open because there is none, although libtpu is installed.
func noTPU(err error) bool {
	var failed *xla.Error
	return errors.As(err, &failed) && failed.Op == "open tpu" && failed.Code == xla.NotFound
}

// checkPlan refuses a run that does not fit the TPU that is open, before any data is read: it compiles the step for the
// TPU's topology, or finds it compiled, and prints the report of one that does not fit to talk.
func checkPlan(ctx context.Context, talk io.Writer, c run.Config, version string, devices int) error {
	t, ok := slice(version, devices)
	if !ok {
		fmt.Fprintf(talk, "whether it fits is not checked: %d devices of %q are no TPU slice known here\n", devices, version)
		return nil
	}
	store, err := compileStore()
	if err != nil {
		return err
	}
	c.Engine.Devices, c.Engine.Plugin = devices, "" // a plugin of the user's is for the TPU, not for the compiler
	w := newCompiler(compileFlags{limit: planLimit}, store, talk)
	return w.refuse(ctx, talk, compileTarget{job: compileJob{Config: c, Topology: t.LibTPU()}, target: plan.TPU(t, devices)})
}

// refuse returns errTooBig with a report of what does not fit, nil if it fits.
func (c *compiler) refuse(ctx context.Context, talk io.Writer, t compileTarget) error {
	_, p, err := c.compile(ctx, t)
	if err != nil || p.Fits {
		return err
	}
	return errors.Join(p.WriteText(talk), fmt.Errorf("train: the step %w the TPU: %s", errTooBig, t.target.Name))
}

// generation finds libtpu's name of the chip in what it says about its version: "TPU v5 lite".
var generation = regexp.MustCompile(`\bTPU (v\d+)( lite|e|p)?\b`)

// slice is the topology of an open TPU.
func slice(version string, devices int) (tpu.Topology, bool) {
	m := generation.FindStringSubmatch(version)
	if m == nil {
		return tpu.Topology{}, false
	}
	chip := m[1] + strings.Replace(m[2], " lite", "e", 1)
	if chip == "v5" {
		chip = "v5p"
	}
	for _, t := range tpu.All() {
		if t.Chip.Name == chip && t.Devices() == devices {
			return t, true
		}
	}
	return tpu.Topology{}, false
}
