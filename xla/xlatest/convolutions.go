package xlatest

import (
	"path"
	"strings"

	"github.com/mocotpu/mocotpu/xla/hlo"
)

// A Convolution is one convolution that a device computes.
type Convolution struct {
	Name           string
	Batch          int64 // images, 0 where nothing near a matrix product says how many
	InputShape     hlo.Shape
	KernelShape    hlo.Shape
	OutputShape    hlo.Shape
	FilterGradient bool // it sums over the images: the gradient of a kernel
	OpName         string
}

// Convolutions lists the convolutions of a compiled program's computations, fused ones included, also where the compiler made a library
// call or a matrix product of one. It relies on images being the first axis in the graph, as GoMLX has them.
//
// The gradient of a kernel is a convolution with images as its features. Its axes show it or, where the compiler
// has reordered them, by a window that is dilated or larger than the output; one on 1x1 maps without stride looks like
// a forward convolution.
func Convolutions(m *hlo.Module) []Convolution {
	callers := map[int64]caller{}
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			if i.Opcode == "fusion" || i.Opcode == "call" {
				for _, id := range i.Called {
					callers[id] = caller{c, i}
				}
			}
		}
	}
	var found []Convolution
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			operands := operandsOf(c, i)
			if len(operands) < 2 {
				continue
			}
			v := Convolution{Name: i.Name, InputShape: operands[0].Shape, KernelShape: operands[1].Shape, OpName: i.OpName}
			if leaves := i.Shape.Leaves(); len(leaves) > 0 {
				v.OutputShape = leaves[0] // library calls return their scratch memory, too
			}
			switch {
			case i.Opcode == "convolution" && i.Conv != nil:
				v.FilterGradient = filterGradient(i)
				v.Batch = axis(v.InputShape, i.Conv.InputBatch)
				if v.FilterGradient && i.BatchGroup == 1 {
					v.Batch = axis(v.InputShape, i.Conv.InputFeature)
				}
			case i.Opcode == "custom-call" && strings.Contains(strings.ToLower(i.Target), "conv"):
				v.FilterGradient = strings.Contains(i.Target, "BackwardFilter")
				if i.Conv != nil {
					v.Batch = axis(v.InputShape, i.Conv.InputBatch)
				} else {
					v.Batch = axis(v.InputShape, 0)
				}
			case i.Opcode == "dot" && strings.HasPrefix(path.Base(i.OpName), "convolution"):
				v.Batch = imagesOfDot(c, i, callers)
			default:
				continue
			}
			found = append(found, v)
		}
	}
	return found
}

// filterGradient reports whether a convolution is the gradient of a kernel, not a forward one or the gradient of its
// input.
func filterGradient(i *hlo.Instruction) bool {
	if i.BatchGroup > 1 || i.Conv.InputFeature == 0 {
		return true
	}
	window, output := int64(1), int64(1)
	for _, w := range i.Window {
		if w.Dilation > 1 {
			return true
		}
		window *= w.Size
	}
	for _, d := range i.Conv.OutputSpatial {
		output *= axis(i.Shape, d)
	}
	return window > output
}

// caller is the instruction that calls a computation, and where it is.
type caller struct {
	in   *hlo.Computation
	inst *hlo.Instruction
}

// imagesOfDot finds the images of a 1x1 convolution that became a matrix product: it is reshaped from or to four axes,
// if not next to it, then around the fusion that it is the result of.
func imagesOfDot(c *hlo.Computation, i *hlo.Instruction, callers map[int64]caller) int64 {
	for range 4 { // fusions don't nest deeper
		for _, u := range c.Instructions {
			for _, id := range u.Operands {
				if id == i.ID && reshapes[u.Opcode] && len(u.Shape.Dims) == 4 {
					return u.Shape.Dims[0]
				}
			}
		}
		for _, o := range operandsOf(c, i) {
			for _, source := range operandsOf(c, o) {
				if reshapes[o.Opcode] && len(source.Shape.Dims) == 4 && o.Shape.Elements() == source.Shape.Elements() &&
					axis(o.Shape, 0) == axis(i.Shape, 0) {
					return source.Shape.Dims[0]
				}
			}
		}
		up, ok := callers[c.ID]
		if !ok || c.Root != i.ID {
			return 0
		}
		c, i = up.in, up.inst
	}
	return 0
}

var reshapes = map[string]bool{"bitcast": true, "reshape": true}

// operandsOf returns the instructions whose values i takes.
func operandsOf(c *hlo.Computation, i *hlo.Instruction) []*hlo.Instruction {
	found := make([]*hlo.Instruction, 0, len(i.Operands))
	for _, id := range i.Operands {
		for _, o := range c.Instructions {
			if o.ID == id {
				found = append(found, o)
				break
			}
		}
	}
	return found
}

// axis returns the length of an axis, 0 if there is none.
func axis(s hlo.Shape, n int64) int64 {
	if n < 0 || n >= int64(len(s.Dims)) {
		return 0
	}
	return s.Dims[n]
}
