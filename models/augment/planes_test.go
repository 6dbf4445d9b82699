package augment

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// Views whose channels are apart, and whose crop reads signed bytes, are the others up to rounding, whatever the order of
// the jitter.
func TestViewsInPlanes(t *testing.T) {
	const side, size, images = 20, 16, 24
	for _, without := range []string{"", OpBlur, "contrast", "hue", "all but hue", "all"} {
		c := must.M1(Preset("v2"))
		c.Jitter.P, c.Gray = 1, 0.3
		switch without {
		case OpBlur:
			c.SetBlur(0)
			c.Ops, c.Mix = append(c.Ops, OpMix), Mix{P: 0.5, Gain: Range{0.5, 1.5}}
		case "contrast":
			c.Jitter.Contrast = 0
		case "hue":
			c.Jitter.Hue = 0
		case "all but hue", "all":
			c.Jitter.Brightness, c.Jitter.Contrast, c.Jitter.Saturation = 0, 0, 0
			if without == "all" {
				c.Jitter.Hue = 0
			}
		}
		b := batch{side: side, channels: 3}
		orders := map[[4]int]bool{}
		for n := range images {
			v := c.View(3, 1, n, 0, 1)
			orders[v.Order] = true
			b.add(parity.Waves(n, side, 3), v)
		}
		if len(orders) < 12 {
			t.Fatalf("%d orders of the jitter, want at least half of the 24", len(orders))
		}
		out, err := CallOnceN(engines.Go(t), func(x, params *Node) (*Node, *Node) {
			return c.apply(x, params, size, true), c.apply(x, params, size, false)
		}, b.images(), tensors.FromFlatDataAndDimensions(b.params, images, c.NumParams()))
		if err != nil {
			t.Fatal(err)
		}
		isClose(t, "without "+without, tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1]), 2e-4)
	}
}
