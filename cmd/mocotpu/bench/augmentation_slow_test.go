//go:build slow

package bench

import (
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/mesh"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSlowAugmentationCost compiles MoCo v2's step for a TPU v3-8 with its views made in the step from canvases of 256
// pixels, and with images of 224 only scaled: by the compiler's own estimate of the ideal time, the augmentation of both
// views costs less than a tenth of the step.
func TestSlowAugmentationCost(t *testing.T) {
	xlatest.LibTPU(t)
	c := run.MoCoV2()
	c.MoCo.Batch = 128
	definition := c.Step()
	target := must.M1(tpu.Lookup("v3-8"))
	e := must.M1(tpu.Open(target, xla.Options{}))
	defer e.Close()
	m := must.M1(mesh.New(e, e.NumDevices()))
	compile := func(views stepViews) map[string]float64 {
		definition.Views = views.viewer
		c, err := plan.Compile(e, target.LibTPU(), nil, func() error {
			s := must.M1(step.New(m, definition, 0))
			defer s.Close()
			return s.Compile(views.side, views.channels)
		})
		if err != nil {
			t.Fatal(err)
		}
		if !c.Fits() {
			t.Fatal(c.Failure)
		}
		t.Logf("%s views: %.4g ms ideal, %.4g GFLOP, %.4g GB moved, compiled in %.0f s", views.name,
			1e3*c.Cost["optimal_seconds"], c.Cost["flops"]/1e9, c.Cost["bytes accessed"]/1e9, c.Seconds)
		return c.Cost
	}
	with, without := compile(presetViews(c)), compile(plainViews(c))
	for _, key := range []string{"optimal_seconds", "flops", "bytes accessed"} {
		if with[key] <= 0 || without[key] <= 0 {
			t.Fatalf("%s: %v with and %v without augmentation, want numbers above 0: %v", key, with[key], without[key], with)
		}
		t.Logf("%s: the augmentation is %.1f %% of the step", key, 100*(with[key]-without[key])/with[key])
	}
	if share := (with["optimal_seconds"] - without["optimal_seconds"]) / with["optimal_seconds"]; !(share < 0.1) {
		t.Errorf("the augmentation takes %.1f %% of the step's ideal time, want less than 10", 100*share)
	}
}
