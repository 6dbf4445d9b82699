package xlatest_test

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/hlo"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// array is a float32 array.
func array(dims ...int64) hlo.Shape { return hlo.Shape{DType: "f32", Dims: dims} }

func inst(id int64, opcode string, shape hlo.Shape, operands ...int64) *hlo.Instruction {
	return &hlo.Instruction{ID: id, Opcode: opcode, Shape: shape, Operands: operands, FeatureGroup: 1, BatchGroup: 1}
}

func parameter(id int64, dims ...int64) *hlo.Instruction {
	return inst(id, "parameter", array(dims...))
}

// Forward convolutions, gradients of kernels as graphs and compilers write them, library calls and matrix products are
// all found, with their number of images.
func TestConvolutions(t *testing.T) {
	nhwc := &hlo.ConvDims{
		InputFeature: 3, InputSpatial: []int64{1, 2}, KernelInput: 2, KernelOutput: 3, KernelSpatial: []int64{0, 1},
		OutputFeature: 3, OutputSpatial: []int64{1, 2},
	}
	asWritten := &hlo.ConvDims{
		InputBatch: 3, InputSpatial: []int64{1, 2}, KernelOutput: 3, KernelSpatial: []int64{1, 2},
		OutputBatch: 2, OutputFeature: 3, OutputSpatial: []int64{0, 1},
	}
	conv := func(dims *hlo.ConvDims, size, dilation int64, out ...int64) *hlo.Instruction {
		i := inst(3, "convolution", array(out...), 1, 2)
		d := hlo.WindowDim{Size: size, Stride: 1, Dilation: dilation, BaseDilation: 1}
		i.Conv, i.Window = dims, []hlo.WindowDim{d, d}
		return i
	}
	grouped := conv(nhwc, 9, 1, 1, 1, 1, 4)
	grouped.BatchGroup = 4
	call := func(target string, dims *hlo.ConvDims, out ...int64) *hlo.Instruction {
		i := inst(3, "custom-call", hlo.Shape{Tuple: []hlo.Shape{array(out...), {DType: "u8", Dims: []int64{9}}}}, 1, 2)
		i.Target, i.Conv = target, dims
		return i
	}
	dot := func(id int64, name string, a, b int64) *hlo.Instruction {
		i := inst(id, "dot", array(324, 16), a, b)
		i.OpName = name
		return i
	}
	fusion := inst(4, "fusion", array(324, 16), 1, 2)
	fusion.Called = []int64{1}
	one := func(instructions ...*hlo.Instruction) *hlo.Module {
		root := instructions[len(instructions)-1].ID
		return &hlo.Module{Entry: 1, Computations: []*hlo.Computation{{ID: 1, Root: root, Instructions: instructions}}}
	}
	fused := one(parameter(1, 324, 8), parameter(2, 8, 16), dot(3, "convolution.7", 1, 2))
	fused.Computations = append(fused.Computations, &hlo.Computation{ID: 2, Root: 5, Instructions: []*hlo.Instruction{
		parameter(1, 324, 8), parameter(2, 8, 16), fusion, inst(5, "bitcast", array(4, 9, 9, 16), 4),
	}})
	for _, test := range []struct {
		name     string
		module   *hlo.Module
		images   int64
		gradient bool
	}{
		{"forward", one(parameter(1, 4, 9, 9, 3), parameter(2, 3, 3, 3, 8), conv(nhwc, 3, 1, 4, 9, 9, 8)), 4, false},
		{"kernel gradient as written", one(parameter(1, 4, 9, 9, 3), parameter(2, 4, 9, 9, 8), conv(asWritten, 9, 1, 3, 3, 3, 8)), 4, true},
		{"kernel gradient reordered", one(parameter(1, 3, 9, 9, 4), parameter(2, 9, 9, 4, 8), conv(nhwc, 9, 1, 3, 3, 3, 8)), 4, true},
		{"kernel gradient with stride", one(parameter(1, 3, 2, 2, 4), parameter(2, 1, 1, 4, 8), conv(nhwc, 1, 2, 3, 1, 1, 8)), 4, true},
		{"kernel gradient by groups of images", one(parameter(1, 4, 9, 9, 3), parameter(2, 9, 9, 1, 4), grouped), 4, true},
		{"library call", one(parameter(1, 4, 9, 9, 3), parameter(2, 3, 3, 3, 8), call("__onednn$convolution", nil, 4, 9, 9, 8)), 4, false},
		{"cuDNN kernel gradient", one(parameter(1, 4, 9, 9, 3), parameter(2, 4, 9, 9, 8), call("__cudnn$convBackwardFilter", nhwc, 3, 3, 3, 8)), 4, true},
		{"matrix product", one(parameter(1, 324, 8), parameter(2, 8, 16), dot(3, "convolution.7", 1, 2), inst(4, "bitcast", array(4, 9, 9, 16), 3)), 4, false},
		{"matrix product from images", one(parameter(1, 4, 9, 9, 8), inst(2, "reshape", array(324, 8), 1), parameter(3, 8, 16), dot(4, "convolution.7", 2, 3)), 4, false},
		{"matrix product in a fusion", fused, 4, false},
		{"matrix product with nothing near it", one(parameter(1, 324, 8), parameter(2, 8, 16), dot(3, "convolution.7", 1, 2)), 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := xlatest.Convolutions(test.module)
			if len(c) != 1 || c[0].Batch != test.images || c[0].FilterGradient != test.gradient {
				t.Errorf("got %+v, want %d images, kernel gradient %v", c, test.images, test.gradient)
			}
		})
	}
	if c := xlatest.Convolutions(one(parameter(1, 324, 8), parameter(2, 8, 16), dot(3, "dot_general.7", 1, 2))); len(c) != 0 {
		t.Errorf("an ordinary matrix product is listed: %v", c)
	}
}

func TestAliasedBytes(t *testing.T) {
	tuple := inst(2, "parameter", hlo.Shape{Tuple: []hlo.Shape{array(2), {DType: "bf16", Dims: []int64{3}}}})
	tuple.Parameter = 1
	m := &hlo.Module{
		Entry:        1,
		Computations: []*hlo.Computation{{ID: 1, Instructions: []*hlo.Instruction{parameter(1, 4), tuple}}},
		Aliases: []hlo.Alias{
			{Output: []int64{0}}, {Output: []int64{1}, Parameter: 1, Index: []int64{1}}, {Output: []int64{2}, Parameter: 9},
		},
	}
	if got := xlatest.AliasedBytes(m); got != 16+6 {
		t.Errorf("got %d bytes, want 22", got)
	}
}
