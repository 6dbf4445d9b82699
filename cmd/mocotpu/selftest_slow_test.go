//go:build slow

package main

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSelftestSlow has the CPU engine pass the self-test on eight devices. Quick tests of package selftest make the same
// checks, but for steps in bfloat16, the second start and the power cut.
func TestSelftestSlow(t *testing.T) {
	xlatest.CPU(t, 1) // skips where there is none
	passSelftest(t, "--backend=cpu --devices=8",
		"encoder, float32", "step, float32", "go engine, float32", "views", "devices", "repeat", "donation",
		"encoder, bfloat16", "step, bfloat16", "go engine, bfloat16", "second start", "power cut")
}
