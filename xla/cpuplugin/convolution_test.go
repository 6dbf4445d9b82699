package cpuplugin_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/go-xla/pjrt"
)

// convCase is a convolution as XLA has it. Axes are named as in XLA's dim_labels.
type convCase struct {
	name                  string
	input, kernel, output string // orders of axes: b, f, y, x; i, o, y, x
	n, in, out            int    // batch, features, filters
	size, window          [2]int // height, width
	stride, holes, spread int    // of the window, in the input (base dilation), in the window
	before, after         [2]int // padding
}

// gradients in the orders that autodiff writes them in, XLA's own order, and one that nobody has.
const (
	forward, kernelOf       = "byxf", "yxio"
	swapped                 = "yxoi"
	gradientX, gradientY    = "fyxb", "iyxo"
	gradientOut, unheardOf  = "yxbf", "bfyx"
	unheardKernel, plainOut = "oiyx", "byxf"
)

// Each pass that oneDNN computes, and some that stay with XLA, against the definition.
func TestConvolutions(t *testing.T) {
	one, none := [2]int{1, 1}, [2]int{0, 0}
	tests := []convCase{
		{"3x3", forward, kernelOf, plainOut, 5, 7, 6, [2]int{9, 8}, [2]int{3, 3}, 1, 1, 1, one, one},
		{"a stem of 3 features", forward, kernelOf, plainOut, 3, 3, 64, [2]int{32, 32}, [2]int{3, 3}, 1, 1, 1, one, one},
		{"7x7 with stride", forward, kernelOf, plainOut, 2, 3, 8, [2]int{20, 22}, [2]int{7, 7}, 2, 1, 1, [2]int{3, 3}, [2]int{2, 3}},
		{"1x1", forward, kernelOf, plainOut, 4, 16, 32, [2]int{8, 8}, one, 1, 1, 1, none, none},
		{"1x1 with stride", forward, kernelOf, plainOut, 4, 16, 32, [2]int{8, 8}, one, 2, 1, 1, none, none},
		{"negative padding", forward, kernelOf, plainOut, 2, 4, 4, [2]int{9, 9}, [2]int{3, 3}, 1, 1, 1, [2]int{-1, -1}, none},
		{"a spread window", forward, kernelOf, plainOut, 2, 4, 5, [2]int{12, 12}, [2]int{3, 3}, 1, 1, 2, [2]int{2, 2}, [2]int{2, 2}},
		{"one image", forward, kernelOf, plainOut, 1, 16, 16, [2]int{4, 4}, [2]int{3, 3}, 1, 1, 1, one, one},
		{"a strange order", unheardOf, unheardKernel, unheardOf, 2, 4, 5, [2]int{6, 7}, [2]int{3, 3}, 1, 1, 1, one, one},

		{"input's gradient", forward, swapped, plainOut, 5, 6, 7, [2]int{9, 8}, [2]int{3, 3}, 1, 1, 1, one, one},
		{"input's gradient, stride", forward, swapped, plainOut, 4, 32, 16, [2]int{4, 4}, [2]int{3, 3}, 1, 2, 1, one, [2]int{2, 2}},
		{"input's gradient, stride, in XLA's order", forward, kernelOf, plainOut, 4, 32, 16, [2]int{4, 5}, [2]int{3, 3}, 1, 2, 1, one, [2]int{2, 2}},
		{"input's gradient, 1x1 with stride", forward, swapped, plainOut, 4, 32, 16, [2]int{4, 4}, one, 1, 2, 1, none, one},
		{"holes and a stride", forward, kernelOf, plainOut, 2, 4, 4, [2]int{5, 5}, [2]int{3, 3}, 2, 2, 1, one, one},

		{"kernel's gradient", gradientX, gradientY, gradientOut, 7, 5, 6, [2]int{9, 8}, [2]int{9, 8}, 1, 1, 1, one, one},
		{"kernel's gradient, stride", gradientX, gradientY, gradientOut, 16, 5, 32, [2]int{8, 8}, [2]int{4, 4}, 1, 1, 2, one, none},
		{"kernel's gradient, 1x1 with stride", gradientX, gradientY, gradientOut, 16, 9, 32, [2]int{8, 8}, [2]int{4, 4}, 1, 1, 2, none, [2]int{-1, -1}},
		// Of few channels: oneDNN's own for AVX2 writes 12 KiB past its memory, which the allocator of the C library notices.
		{"kernel's gradient, 1x1 with stride, of 2 channels", gradientX, gradientY, gradientOut, 2, 9, 4, [2]int{32, 32}, [2]int{16, 16}, 1, 1, 2, none, [2]int{-1, -1}},
		{"kernel's gradient, 1x1 with stride, of 7 channels", gradientX, gradientY, gradientOut, 7, 9, 4, [2]int{32, 32}, [2]int{16, 16}, 1, 1, 2, none, [2]int{-1, -1}},
		{"kernel's gradient, 7x7 with stride", gradientX, gradientY, gradientOut, 3, 2, 8, [2]int{20, 20}, [2]int{10, 10}, 1, 1, 2, [2]int{3, 3}, [2]int{2, 2}},
		{"kernel's gradient with holes", gradientX, gradientY, gradientOut, 3, 4, 8, [2]int{5, 5}, [2]int{7, 7}, 1, 2, 1, none, none},
		{"kernel's gradient of a large batch", gradientX, gradientY, gradientOut, 8, 67, 8, [2]int{4, 4}, [2]int{4, 4}, 1, 1, 1, one, one},
		{"kernel's gradient in tiles", gradientX, gradientY, gradientOut, 32, 5, 8, [2]int{9, 7}, [2]int{9, 7}, 1, 1, 1, one, one},
		{"kernel's gradient in tiles, many chunks", gradientX, gradientY, gradientOut, 16, 3, 19, [2]int{40, 33}, [2]int{40, 33}, 1, 1, 1, one, one},
		{"kernel's gradient in tiles, stride", gradientX, gradientY, gradientOut, 48, 3, 13, [2]int{30, 21}, [2]int{15, 11}, 1, 1, 2, one, [2]int{0, 1}},
		{"kernel's gradient in tiles, small images", gradientX, gradientY, gradientOut, 32, 45, 12, [2]int{4, 4}, [2]int{4, 4}, 1, 1, 1, one, one},
		{"kernel's gradient in tiles, wide images", gradientX, gradientY, gradientOut, 16, 2, 6, [2]int{3, 300}, [2]int{3, 300}, 1, 1, 1, one, one},
		{"kernel's gradient in tiles, 1x1", gradientX, gradientY, gradientOut, 64, 3, 40, [2]int{14, 13}, [2]int{14, 13}, 1, 1, 1, none, none},
	}
	client := newClient(t, 1)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			x, w := test.operands(rng)
			want, scale := test.naive(x, w)
			got := runConvolution(t, client, test, "f32", x, w)
			for i := range want {
				if !(math.Abs(float64(got[i])-want[i]) <= 1e-6*scale[i]+1e-7) {
					t.Fatalf("element %d of %d: got %g, want %g", i, len(want), got[i], want[i])
				}
			}
			narrow := func(values []float32) (all []bfloat16.BFloat16) {
				for _, v := range values {
					all = append(all, bfloat16.FromFloat32(v)) // exact: operands has no more digits
				}
				return all
			}
			for i, v := range runConvolution(t, client, test, "bf16", narrow(x), narrow(w)) {
				// The sum is float32's, and rounded once to 8 bits.
				if got := float64(v.Float32()); !(math.Abs(got-want[i]) <= math.Abs(want[i])/256+1e-5*scale[i]+1e-7) {
					t.Fatalf("bfloat16: element %d of %d: got %g, want %g", i, len(want), got, want[i])
				}
			}
		})
	}
}

// runConvolution executes a case twice in a type and returns the result, which must be the same, bit for bit.
func runConvolution[T comparable](t *testing.T, client *pjrt.Client, c convCase, element string, x, w []T) []T {
	t.Helper()
	exe := compile(t, client, 0, c.program(element))
	var results [2][]T
	for i := range results {
		out, err := exe.Execute(fromHost(t, client, 0, x, c.dims(c.input)...),
			fromHost(t, client, 0, w, c.dims(c.kernel)...)).OnDeviceByNum(0).Done()
		if err != nil {
			t.Fatal(err)
		}
		results[i] = toHost[T](t, out[0])
	}
	if !slices.Equal(results[0], results[1]) {
		t.Errorf("%s: the second time other bits came out", element)
	}
	return results[0]
}

// operands are random, and exact in bfloat16.
func (c convCase) operands(rng *rand.Rand) (x, w []float32) {
	x, w = make([]float32, elements(c.dims(c.input))), make([]float32, elements(c.dims(c.kernel)))
	for _, values := range [][]float32{x, w} {
		for i := range values {
			values[i] = bfloat16.FromFloat32(float32(rng.NormFloat64())).Float32()
		}
	}
	return x, w
}

// outSize is the output's height and width.
func (c convCase) outSize() (size [2]int) {
	for i := range size {
		room := (c.size[i]-1)*c.holes + 1 + c.before[i] + c.after[i] - ((c.window[i]-1)*c.spread + 1)
		size[i] = room/c.stride + 1
	}
	return size
}

// dims are an operand's or the result's dimensions in this order of axes.
func (c convCase) dims(order string) []int {
	lengths := map[rune]int{'b': c.n, 'f': c.in, 'y': c.size[0], 'x': c.size[1], 'i': c.in, 'o': c.out}
	if order == c.kernel {
		lengths['y'], lengths['x'] = c.window[0], c.window[1]
	}
	return inOrder(order, lengths)
}

func (c convCase) outDims() []int {
	size := c.outSize()
	return inOrder(c.output, map[rune]int{'b': c.n, 'f': c.out, 'y': size[0], 'x': size[1]})
}

func (c convCase) program(element string) string {
	label := map[rune]string{'b': "b", 'f': "f", 'i': "i", 'o': "o", 'y': "0", 'x': "1"}
	labels := func(order string) (text string) {
		for i, axis := range order {
			if i > 0 {
				text += ", "
			}
			text += label[axis]
		}
		return text
	}
	tensor := func(dims []int) (text string) {
		for _, d := range dims {
			text += fmt.Sprintf("%dx", d)
		}
		return "tensor<" + text + element + ">"
	}
	x, w, y := tensor(c.dims(c.input)), tensor(c.dims(c.kernel)), tensor(c.outDims())
	return fmt.Sprintf(`module @convolution {
  func.func public @main(%%x: %s, %%w: %s) -> %s {
    %%0 = stablehlo.convolution(%%x, %%w) dim_numbers = [%s]x[%s]->[%s],
      window = {stride = [%d, %d], pad = [[%d, %d], [%d, %d]], lhs_dilate = [%d, %d], rhs_dilate = [%d, %d]}
      {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (%s, %s) -> %s
    return %%0 : %s
  }
}`, x, w, y, labels(c.input), labels(c.kernel), labels(c.output), c.stride, c.stride, c.before[0], c.after[0],
		c.before[1], c.after[1], c.holes, c.holes, c.spread, c.spread, x, w, y, y)
}

// naive is the definition, and for each element the sum of its terms' sizes, to which rounding is related.
func (c convCase) naive(x, w []float32) (y, scale []float64) {
	dims := c.outDims()
	size := c.outSize()
	y, scale = make([]float64, elements(dims)), make([]float64, elements(dims))
	at := func(order string, dims []int, place map[rune]int) (index int) {
		for i, axis := range order {
			index = index*dims[i] + place[axis]
		}
		return index
	}
	xDims, wDims := c.dims(c.input), c.dims(c.kernel)
	for b := range c.n {
		for o := range c.out {
			for oy := range size[0] {
				for ox := range size[1] {
					var sum, sizes float64
					for ky := range c.window[0] {
						for kx := range c.window[1] {
							py, px := oy*c.stride+ky*c.spread-c.before[0], ox*c.stride+kx*c.spread-c.before[1]
							if py < 0 || px < 0 || py%c.holes != 0 || px%c.holes != 0 || py/c.holes >= c.size[0] || px/c.holes >= c.size[1] {
								continue
							}
							for f := range c.in {
								v := float64(x[at(c.input, xDims, map[rune]int{'b': b, 'f': f, 'y': py / c.holes, 'x': px / c.holes})]) *
									float64(w[at(c.kernel, wDims, map[rune]int{'i': f, 'o': o, 'y': ky, 'x': kx})])
								sum, sizes = sum+v, sizes+math.Abs(v)
							}
						}
					}
					i := at(c.output, dims, map[rune]int{'b': b, 'f': o, 'y': oy, 'x': ox})
					y[i], scale[i] = sum, sizes
				}
			}
		}
	}
	return y, scale
}

func inOrder(order string, lengths map[rune]int) (dims []int) {
	for _, axis := range order {
		dims = append(dims, lengths[axis])
	}
	return dims
}

func elements(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
