package hlo

import (
	"strconv"
	"strings"
)

// A Shape is an array's element type and dimensions, or a tuple of shapes.
type Shape struct {
	DType string // as XLA writes it: "f32", "bf16", "u8", "pred", "token"; "" for a tuple
	Dims  []int64
	Tuple []Shape // the elements if DType is ""
	Layout
}

// Layout is how an array lies in memory.
type Layout struct {
	Order []int64   // axes, the one that varies fastest first
	Tiles [][]int64 // blocks that the array is cut into: padded to whole ones, each cut again by the next
	Space int64     // 0: the device's main memory; a TPU has smaller ones on the chip
}

// elementBits is how many bits an element takes; types that are not here take none.
var elementBits = map[string]int64{
	"s1": 1, "u1": 1, "s2": 2, "u2": 2, "s4": 4, "u4": 4, "f4e2m1fn": 4,
	"pred": 8, "s8": 8, "u8": 8, "f8e5m2": 8, "f8e4m3": 8, "f8e4m3fn": 8, "f8e4m3b11fnuz": 8, "f8e3m4": 8, "f8e5m2fnuz": 8, "f8e4m3fnuz": 8, "f8e8m0fnu": 8,
	"s16": 16, "u16": 16, "f16": 16, "bf16": 16,
	"s32": 32, "u32": 32, "f32": 32,
	"s64": 64, "u64": 64, "f64": 64, "c64": 64,
	"c128": 128,
}

// Elements returns the number of elements of an array, 0 for a tuple.
func (s Shape) Elements() int64 {
	if s.DType == "" {
		return 0
	}
	n := int64(1)
	for _, d := range s.Dims {
		n *= d
	}
	return n
}

// Bytes returns the size of the array, or of all arrays of the tuple; tokens and types without a size count 0.
func (s Shape) Bytes() int64 {
	total := (s.Elements()*elementBits[s.DType] + 7) / 8
	for _, t := range s.Tuple {
		total += t.Bytes()
	}
	return total
}

// Stored returns the bytes that the array takes in memory, with its tiles' padding; for a tuple, its arrays together.
func (s Shape) Stored() int64 {
	if s.DType == "" {
		var total int64
		for _, t := range s.Tuple {
			total += t.Stored()
		}
		return total
	}
	dims := make([]int64, len(s.Dims))
	for i := range dims { // slowest first
		dims[i] = s.Dims[i]
		if len(s.Order) == len(dims) {
			dims[i] = s.Dims[s.Order[len(dims)-1-i]]
		}
	}
	for _, tile := range s.Tiles {
		dims = tiled(dims, tile)
	}
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return (n*elementBits[s.DType] + 7) / 8
}

// tiled returns the dimensions after cutting the last of them into tiles: those of the grid of tiles, then a tile's.
func tiled(dims, tile []int64) []int64 {
	for len(dims) < len(tile) {
		dims = append([]int64{1}, dims...)
	}
	first := len(dims) - len(tile)
	grid := append([]int64(nil), dims...)
	for i, t := range tile {
		if t > 0 {
			grid[first+i] = (dims[first+i] + t - 1) / t
		} else { // the whole axis
			grid[first+i], tile = 1, replaced(tile, i, dims[first+i])
		}
	}
	return append(grid, tile...)
}

func replaced(values []int64, at int, by int64) []int64 {
	values = append([]int64(nil), values...)
	values[at] = by
	return values
}

// Leaves returns the arrays of the shape: itself, or those of the tuple, nested tuples included.
func (s Shape) Leaves() []Shape {
	if s.DType != "" {
		return []Shape{s}
	}
	var leaves []Shape
	for _, t := range s.Tuple {
		leaves = append(leaves, t.Leaves()...)
	}
	return leaves
}

// String writes the shape as XLA does, without layout: "f32[8,32,32,3]", "(f32[], s32[])".
func (s Shape) String() string {
	parts := make([]string, 0, len(s.Dims)+len(s.Tuple))
	if s.DType == "" {
		for _, t := range s.Tuple {
			parts = append(parts, t.String())
		}
		return "(" + strings.Join(parts, ", ") + ")"
	}
	for _, d := range s.Dims {
		parts = append(parts, strconv.FormatInt(d, 10))
	}
	return s.DType + "[" + strings.Join(parts, ",") + "]"
}
