package hlo

import (
	"math"
	"testing"

	"github.com/janpfeifer/must"
)

// labels writes b01f_01io->b01f in the numbers of hlo.proto, window a window of 3 with padding 1.
func labels() msg {
	return msg{}.int(7, 0).int(8, 3).packed(11, 1, 2).int(3, 2).int(4, 3).packed(6, 0, 1).int(9, 0).int(10, 3).packed(12, 1, 2)
}

func window3() msg {
	axis := msg{}.int(1, 3).int(2, 1).int(3, 1).int(4, 1)
	return msg{}.bytes(1, axis).bytes(1, axis)
}

// Operations and bytes are those of XLA's own rules.
func TestCost(t *testing.T) {
	parameter := func(id, number int64, shape msg) msg { return inst(id, "parameter", shape).int(9, number) }
	// 4 x 4 images: 3 windows along each axis of 3 elements see 2 + 3 + 3 + 2 of 4.
	const convolved = 2 * 2 * 8 * 16 * (10 * 10)
	image, kernel, output := array(f32, 2, 4, 4, 8), array(f32, 3, 3, 8, 16), array(f32, 2, 4, 4, 16)
	conv := func(i msg) msg { return i.bytes(15, window3()).bytes(16, labels()) }
	call := func(target string, out, first, second msg) msg {
		return computation(1, 3, parameter(1, 0, first), parameter(2, 1, second),
			conv(inst(3, "custom-call", tuple(out, array(u8, 0)), 1, 2)).text(28, target))
	}
	const images, kernels, outputs = 2 * 4 * 4 * 8 * 4, 3 * 3 * 8 * 16 * 4, 2 * 4 * 4 * 16 * 4
	body := computation(2, 3, parameter(1, 0, array(f32, 100, 8)), inst(2, "slice", array(f32, 1, 8), 1), inst(3, "add", array(f32, 1, 8), 2, 2))
	update := computation(2, 3, parameter(1, 0, array(f32, 100, 8)), parameter(2, 1, array(f32, 1, 8)),
		inst(3, "dynamic-update-slice", array(f32, 100, 8), 1, 2))
	for _, test := range []struct {
		name         string
		module       msg
		flops, bytes float64
	}{
		{"element-wise", module(1, computation(1, 3, parameter(1, 0, array(f32, 10)), inst(2, "add", array(f32, 10), 1, 1), inst(3, "tanh", array(f32, 10), 2))), 10, 120 + 80},
		{"matrices", module(1, computation(1, 3, parameter(1, 0, array(f32, 5, 7)), parameter(2, 1, array(f32, 7, 3)),
			inst(3, "dot", array(f32, 5, 3), 1, 2).bytes(30, msg{}.packed(1, 1)))), 2 * 5 * 7 * 3, 4 * (35 + 21 + 15)},
		{"cuBLAS", module(1, computation(1, 3, parameter(1, 0, array(f32, 5, 7)), parameter(2, 1, array(f32, 7, 3)),
			inst(3, "custom-call", tuple(array(f32, 5, 3), array(u8, 64)), 1, 2).text(28, "__cublas$gemm").
				text(43, `{"gemm_backend_config":{"dot_dimension_numbers":{"lhs_contracting_dimensions":["1"]}}}`))), 2 * 5 * 7 * 3, 4*(35+21+15) + 64},
		{"convolution", module(1, computation(1, 3, parameter(1, 0, image), parameter(2, 1, kernel), conv(inst(3, "convolution", output, 1, 2)))), convolved, images + kernels + outputs},
		{"cuDNN", module(1, call("__cudnn$convForward", output, image, kernel)), convolved, images + kernels + outputs},
		{"cuDNN, gradient of the kernel", module(1, call("__cudnn$convBackwardFilter", kernel, image, output)), convolved, images + kernels + outputs},
		{"cuDNN, gradient of the input", module(1, call("__cudnn$convBackwardInput", image, output, kernel)), convolved, images + kernels + outputs},
		{"reduction", module(1, computation(2, 3, parameter(1, 0, array(f32)), parameter(2, 1, array(f32)), inst(3, "add", array(f32), 1, 2)),
			computation(1, 3, parameter(1, 0, array(f32, 6, 4)), inst(2, "constant", array(f32)), inst(3, "reduce", array(f32, 6), 1, 2).packed(38, 2))), 18, 4 * (24 + 1 + 6)},
		{"a fusion that takes a slice", module(1, body, computation(1, 2, parameter(1, 0, array(f32, 100, 8)),
			inst(2, "fusion", array(f32, 1, 8), 1).packed(38, 2))), 8, 32 + 32},
		{"a fusion that updates in place", module(1, update, computation(1, 3, parameter(1, 0, array(f32, 100, 8)), parameter(2, 1, array(f32, 1, 8)),
			inst(3, "fusion", array(f32, 100, 8), 1, 2).packed(38, 2))), 0, 32 + 32},
		{"a loop", module(1, body, computation(1, 2, parameter(1, 0, array(f32, 100, 8)),
			inst(2, "while", array(f32, 100, 8), 1).packed(38, 2).text(43, `{"known_trip_count":{"n":"5"}}`))), 5 * 8, 5 * (64 + 96)},
		{"calls in a circle", module(1, computation(1, 1, inst(1, "call", array(f32, 2)).packed(38, 2)), computation(2, 1, inst(1, "call", array(f32, 2)).packed(38, 1))), 0, 0},
	} {
		m := must.M1(Read("hlo", test.module))
		if got := m.Cost(); got != (Cost{test.flops, test.bytes}) {
			t.Errorf("%s: got %+v, want %g flops and %g bytes", test.name, got, test.flops, test.bytes)
		}
	}
}

// Of the recorded program, work in order adds up.
func TestWork(t *testing.T) {
	m := must.M1(Read("hlo_with_config", recorded(t)))
	work := m.Work()
	var sum Cost
	for _, w := range work {
		sum.add(w.Cost, w.Times)
		if idle(w.Opcode) {
			t.Errorf("%s is work", w.Name)
		}
	}
	if len(work) < 20 || sum.Flops <= 0 || sum.Bytes <= 0 || math.Abs(sum.Flops-m.Cost().Flops) > 1 {
		t.Errorf("%d instructions, %+v, want %+v", len(work), sum, m.Cost())
	}
}
