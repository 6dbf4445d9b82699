//go:build cgo

package moco_test

import (
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestMicroBatchesGiveTheNumbersOfTheWhole holds a step in micro-batches to the whole batch at once, on one device, on two and,
// for eight groups in eight micro-batches, on eight.
func TestMicroBatchesGiveTheNumbersOfTheWhole(t *testing.T) {
	v2 := func(c *moco.Step) { c.Encoder.Head, c.Temperature = resnet.HeadMLP, 0.2 }
	for name, test := range map[string]struct {
		change         func(*moco.Step)
		devices, micro int
		whole          int // devices of the step without
	}{
		"v1 in 8":                 {func(*moco.Step) {}, 1, 8, 8},
		"v1 in 2 on 4 devices":    {func(*moco.Step) {}, 4, 2, 1},
		"v2 in 8":                 {v2, 1, 8, 1},
		"symmetric in 4":          {func(c *moco.Step) { v2(c); c.Symmetric = true }, 1, 4, 1},
		"in 2, blocks recomputed": {func(c *moco.Step) { c.Encoder.Remat = resnet.RematBlock }, 1, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := smallConfig()
			test.change(&c)
			whole := newTrial(t, xlatest.CPU(t, test.whole), test.whole, c)
			defer whole.Close()
			c.Micro = test.micro
			micro := newTrial(t, xlatest.CPU(t, test.devices), test.devices, c)
			defer micro.Close()
			compareRuns(t, micro.condition().run(t, 3, 0.001), whole.condition().run(t, 3, 0.001), parity.Elsewhere, parity.GradientElsewhere)
		})
	}
}
