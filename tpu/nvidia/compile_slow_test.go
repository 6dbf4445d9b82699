//go:build slow

package nvidia_test

import (
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSlowCompile has the steps that TestCompile leaves out: glyphs for one H100, and a ResNet-18 in bfloat16 for one and for eight.
func TestSlowCompile(t *testing.T) {
	asRecorded(t, "glyphs", "h100x1")
	asRecorded(t, "cifar10", "h100x1")
	asRecorded(t, "cifar10", "h100x8")
}

// The step of moco-v2, a ResNet-50 at 224 pixels, compiles for eight H100s in bfloat16: every convolution is cuDNN's, with the
// channels last and operands in bfloat16.
func TestSlowCompileResNet50(t *testing.T) {
	xlatest.CUDACompiler(t)
	c, err := run.Preset("moco-v2")
	if err != nil {
		t.Fatal(err)
	}
	c.Encoder.Precision = "bfloat16"
	p := compiled(t, c, "h100x8")
	convolutions := 0
	for _, k := range p.Kernels.Convolutions {
		convolutions += k.Count
		if k.Axes != "b01f_o01i->b01f" || k.Types != "bf16 bf16 -> bf16" {
			t.Errorf("%d convolutions, %s: %s, %s", k.Count, k.Pass, k.Axes, k.Types)
		}
	}
	// Both encoders' 53 forward, and of the query's each but the first with two gradients.
	if convolutions != 2*53+53+52 {
		t.Errorf("%d convolutions, want 211", convolutions)
	}
	if !p.Fits || p.Kernels.Count < 1000 || p.Time.Flops < 1e12 || p.Time.Flops > 1.2e12 {
		t.Errorf("fits %t, %d kernels, %g operations", p.Fits, p.Kernels.Count, p.Time.Flops)
	}
}
