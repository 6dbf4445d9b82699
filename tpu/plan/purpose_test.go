package plan

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/hlo"
)

// Each exchange of a step gets its purpose, also where the compiler has combined many, or laid them end to end.
func TestPurpose(t *testing.T) {
	f32 := func(dims ...int64) hlo.Shape { return hlo.Shape{DType: "f32", Dims: dims} }
	u8 := func(dims ...int64) hlo.Shape { return hlo.Shape{DType: "u8", Dims: dims} }
	for _, test := range []struct {
		name, op, from string
		shapes         []hlo.Shape
		want           string
	}{
		{"uint8 images", "all-to-all", "", []hlo.Shape{u8(4, 8, 8, 3), u8(4, 8, 8, 3)}, images},
		{"uint8 images, gathered", "all-gather", "query.fc/x", []hlo.Shape{u8(32, 192)}, images},
		{"images in floats", "collective-permute", "", []hlo.Shape{f32(4, 9, 9, 3)}, images},
		{"what comes from an input", "all-to-all", "input/transpose", []hlo.Shape{f32(4, 24)}, images},
		{"features", "all-to-all", "query.fc/transpose", []hlo.Shape{f32(2, 128), f32(2, 128)}, features},
		{"features on one axis", "collective-permute", "", []hlo.Shape{f32(256)}, features},
		{"keys", "all-gather", "key.fc/divide", []hlo.Shape{f32(32, 128)}, keys},
		{"keys without a name", "all-gather", "", []hlo.Shape{f32(32, 128)}, keys},
		{"gradients of a small encoder", "all-reduce", "", []hlo.Shape{f32(3, 3, 8, 8), f32()}, gradients},
		{"gradients behind the loss", "all-reduce", "queue/reduce", []hlo.Shape{f32(), f32(64), f32(1, 1, 64, 64), f32(512, 128)}, gradients},
		{"gradients laid end to end", "all-reduce", "query.bn1/reduce", []hlo.Shape{f32(11_000_000)}, gradients},
		{"gradient of a matrix", "reduce-scatter", "", []hlo.Shape{f32(512, 128)}, gradients},
		{"BatchNorm's statistics", "all-reduce", "query.bn1/reduce", []hlo.Shape{f32(2, 64)}, statistics},
		{"statistics of many layers", "all-reduce", "", []hlo.Shape{f32(2048), f32(2048), f32(2048)}, statistics},
		{"the loss", "all-reduce", "backward/queue/reduce", []hlo.Shape{f32()}, statistics},
	} {
		c := hlo.Collective{Op: test.op, OpName: test.from, Shapes: test.shapes}
		for _, s := range test.shapes {
			c.Bytes += s.Bytes()
		}
		if got := Purpose(c); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}
