//go:build slow

package main

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// MoCo v1 as published takes, on every TPU, what the same step written in JAX took (libtpu 0.0.52, JAX 0.10.2, state
// donated; shuffled by the feed and without augmentation), in MiB; it compiles within 8 GB, and the whole state is
// written in place.
func TestSlowMoCoV1ForTPUs(t *testing.T) {
	xlatest.LibTPU(t)
	const state = 305 << 20 // three copies of the encoder's parameters, two of its buffers, the queue
	for _, test := range []struct {
		topology string
		peak     float64
	}{{"v2-8", 2863}, {"v3-8", 2863}, {"v5e-8", 2819}} {
		t.Run(test.topology, func(t *testing.T) {
			t.Setenv(programs.Variable, t.TempDir())
			code, text, stderr := call(t, "compile", "--preset=moco-v1", "--json", "--topology="+test.topology)
			var p plan.Plan
			if err := json.Unmarshal([]byte(text), &p); code != 0 || err != nil {
				t.Fatalf("exit code %d, %v, %s", code, err, stderr)
			}
			if peak := float64(p.Memory.Peak) / (1 << 20); math.Abs(peak/test.peak-1) > 0.05 {
				t.Errorf("peak of %.0f MiB, want %.0f within 5 %%", peak, test.peak)
			}
			// Four passes of 8.2 GFLOP over a device's 32 images; with the key encoder on every device it would be 2.7 times that.
			if math.Abs(p.Time.Flops/1016e9-1) > 0.05 {
				t.Errorf("%.0f GFLOP a device, want 1016 within 5 %%", p.Time.Flops/1e9)
			}
			if p.Memory.Aliased < state || p.Memory.Outputs-p.Memory.Aliased > 1<<16 {
				t.Errorf("%d bytes aliased of outputs of %d, want the whole state", p.Memory.Aliased, p.Memory.Outputs)
			}
			if p.HostBytes > 8e9 {
				t.Errorf("compiling took %.1f GB, want at most 8", float64(p.HostBytes)/1e9)
			}
		})
	}
}
