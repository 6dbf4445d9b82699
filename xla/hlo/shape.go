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

// XLA's PrimitiveType by number, with the bits of an element.
var primitives = map[uint64]struct {
	name string
	bits int64
}{
	1: {"pred", 8}, 30: {"s1", 1}, 26: {"s2", 2}, 21: {"s4", 4}, 2: {"s8", 8}, 3: {"s16", 16}, 4: {"s32", 32}, 5: {"s64", 64},
	31: {"u1", 1}, 27: {"u2", 2}, 22: {"u4", 4}, 6: {"u8", 8}, 7: {"u16", 16}, 8: {"u32", 32}, 9: {"u64", 64},
	10: {"f16", 16}, 11: {"f32", 32}, 16: {"bf16", 16}, 12: {"f64", 64}, 15: {"c64", 64}, 18: {"c128", 128},
	19: {"f8e5m2", 8}, 20: {"f8e4m3fn", 8}, 23: {"f8e4m3b11fnuz", 8}, 24: {"f8e5m2fnuz", 8}, 25: {"f8e4m3fnuz", 8},
	28: {"f8e4m3", 8}, 29: {"f8e3m4", 8}, 32: {"f4e2m1fn", 4}, 33: {"f8e8m0fnu", 8},
	14: {"opaque", 0}, 17: {"token", 0}, 34: {"buffer", 0},
}

const tupleType = 13

var bits = func() map[string]int64 {
	m := map[string]int64{}
	for _, p := range primitives {
		m[p.name] = p.bits
	}
	return m
}()

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
	total := (s.Elements()*bits[s.DType] + 7) / 8
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
	return (n*bits[s.DType] + 7) / 8
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

// readShape reads a ShapeProto.
func readShape(b []byte) (Shape, error) {
	var s Shape
	var kind uint64
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 2:
			kind = f.varint
		case 3:
			s.Dims, err = appendInts(s.Dims, f)
		case 4:
			var t Shape
			t, err = readShape(f.bytes)
			s.Tuple = append(s.Tuple, t)
		case 5:
			s.Layout, err = readLayout(f.bytes)
		}
		return err
	})
	if kind != tupleType {
		if s.DType = primitives[kind].name; s.DType == "" {
			s.DType = "type" + strconv.FormatUint(kind, 10)
		}
	}
	return s, within("shape", err)
}

// readLayout reads a LayoutProto.
func readLayout(b []byte) (Layout, error) {
	var l Layout
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 1:
			l.Order, err = appendInts(l.Order, f)
		case 6:
			var tile []int64
			err = fields(f.bytes, func(f field) (err error) {
				if f.num == 1 {
					tile, err = appendInts(tile, f)
				}
				return err
			})
			l.Tiles = append(l.Tiles, tile)
		case 8:
			l.Space = int64(f.varint)
		}
		return err
	})
	return l, within("layout", err)
}
