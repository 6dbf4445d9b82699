package hlo

import (
	"encoding/json"
	"math"
	"strconv"
)

// backendConfig is what is read of Instruction.Config.
type backendConfig struct {
	KnownTripCount struct {
		N string `json:"n"`
	} `json:"known_trip_count"`
	Gemm struct {
		Dot struct {
			Contracting []string `json:"lhs_contracting_dimensions"`
		} `json:"dot_dimension_numbers"`
	} `json:"gemm_backend_config"`
}

// config reads Instruction.Config; what is no JSON says nothing.
func (i *Instruction) config() (c backendConfig) {
	_ = json.Unmarshal(i.Config, &c)
	return c
}

// free are operations that move or describe data, and functions that XLA counts apart, as transcendental.
var free = map[string]bool{
	"parameter": true, "constant": true, "tuple": true, "get-tuple-element": true, "bitcast": true, "bitcast-convert": true, "copy": true,
	"copy-start": true, "copy-done": true, "reshape": true, "transpose": true, "broadcast": true, "iota": true, "slice": true, "dynamic-slice": true,
	"dynamic-update-slice": true, "concatenate": true, "pad": true, "gather": true, "reverse": true, "custom-call": true, "infeed": true, "outfeed": true,
	"rng-bit-generator": true, "rng-get-and-update-state": true, "after-all": true, "partition-id": true, "replica-id": true, "optimization-barrier": true,
	"exponential": true, "exponential-minus-one": true, "log": true, "log-plus-one": true, "logistic": true, "power": true, "sqrt": true, "rsqrt": true,
	"cbrt": true, "sine": true, "cosine": true, "tan": true, "tanh": true, "atan2": true, "erf": true,
}

// flops is what an instruction computes.
func (c *counter) flops(i *Instruction, operands map[int64]*Instruction) float64 {
	shape := func(k int) Shape {
		if k >= len(i.Operands) {
			return Shape{}
		}
		return operands[i.Operands[k]].Shape
	}
	out := float64(elements(i.Shape))
	each := func() float64 { return c.first(i).Flops }
	switch {
	case i.Conv != nil:
		return i.convolved(shape(0), shape(1))
	case i.Opcode == "dot":
		return 2 * out * along(shape(0), i.Contracting)
	case i.Opcode == "custom-call":
		if c := i.config().Gemm.Dot.Contracting; len(c) > 0 {
			axes := make([]int64, len(c))
			for k, text := range c {
				axes[k], _ = strconv.ParseInt(text, 10, 64) // XLA writes numbers as text
			}
			return 2 * float64(i.one()) * along(shape(0), axes)
		}
		return 0
	case i.Opcode == "reduce":
		return each() * max(0, float64(elements(shape(0)))-float64(i.one()))
	case i.Opcode == "reduce-window":
		return each() * out * (window(i) - 1)
	case i.Opcode == "select-and-scatter":
		return float64(elements(shape(1))) * window(i)
	case i.Opcode == "scatter":
		return each() * float64(elements(shape(2)))
	case i.Opcode == "sort":
		n := float64(elements(shape(0)))
		return n * math.Log2(max(2, n))
	case collectiveOps[i.Opcode] || free[i.Opcode] || len(i.Called) > 0 && i.Opcode != "map":
		return 0
	}
	return out
}

// elements counts those of an array, or of all arrays of a tuple.
func elements(s Shape) int64 {
	n := s.Elements()
	for _, t := range s.Tuple {
		n += elements(t)
	}
	return n
}

// one counts the elements of an instruction's first array.
func (i *Instruction) one() int64 {
	if leaves := i.Shape.Leaves(); len(leaves) > 0 {
		return leaves[0].Elements()
	}
	return 0
}

// along is the product of the sizes of some axes.
func along(s Shape, axes []int64) float64 {
	n := 1.0
	for _, a := range axes {
		if a >= 0 && a < int64(len(s.Dims)) {
			n *= float64(s.Dims[a])
		}
	}
	return n
}

// window is how many elements a window has.
func window(i *Instruction) float64 {
	n := 1.0
	for _, d := range i.Window {
		n *= float64(d.Size)
	}
	return n
}

// convolved is what a convolution computes. The CUDA plugin's calls of cuDNN say the axes of the forward convolution whose
// gradient they are.
func (i *Instruction) convolved(first, second Shape) float64 {
	input, kernel, output := first, second, i.Shape
	if leaves := i.Shape.Leaves(); i.Opcode == "custom-call" && len(leaves) > 0 {
		switch output = leaves[0]; i.Target {
		case "__cudnn$convBackwardInput":
			input, output = output, first
		case "__cudnn$convBackwardFilter":
			kernel, output = output, second
		}
	}
	d := i.Conv
	axes := func(s Shape, axis int64) float64 { return along(s, []int64{axis}) }
	n := 2 * axes(input, d.InputBatch) / float64(i.BatchGroup) * axes(kernel, d.KernelInput) * axes(kernel, d.KernelOutput)
	for k, w := range i.Window {
		if k < len(d.InputSpatial) && k < len(d.OutputSpatial) {
			n *= w.positions(int64(axes(input, d.InputSpatial[k])), int64(axes(output, d.OutputSpatial[k])))
		}
	}
	return n
}

// mostPositions bounds what positions tries.
const mostPositions = 1 << 20

// positions counts along one axis the elements of windows that are elements of the input, and neither padding nor the gaps
// of a dilated input.
func (w WindowDim) positions(in, out int64) float64 {
	if w.Size <= 0 || out <= 0 || in <= 0 || w.Size > mostPositions/out {
		return float64(w.Size) * float64(out) // more than any image has
	}
	n := 0
	for k := range w.Size {
		for o := range out {
			at := o*max(1, w.Stride) + k*w.Dilation - w.PadLow
			if at >= 0 && at%w.BaseDilation == 0 && at/w.BaseDilation < in {
				n++
			}
		}
	}
	return float64(n)
}
