// Package npy writes arrays in NumPy's .npy format, row by row: a data set's features may be larger than memory.
//
// # Errors
//
// Everything returns errors.
package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Element is what an array can hold.
type Element interface{ float32 | int32 }

// Writer writes one array.
type Writer[T Element] struct {
	w     io.Writer
	shape []int
	left  int // elements
}

// NewWriter writes the header of an array of the given shape, whose elements follow in row-major order by
// [Writer.Write]. The format is version 1.0, little-endian.
func NewWriter[T Element](w io.Writer, shape ...int) (*Writer[T], error) {
	size := 1
	var dims strings.Builder
	for _, n := range shape {
		if n < 0 {
			return nil, fmt.Errorf("npy: shape %v, want no negative number", shape)
		}
		size *= n
		fmt.Fprintf(&dims, "%d, ", n)
	}
	tuple := strings.TrimSuffix(dims.String(), " ")
	if len(shape) > 1 {
		tuple = strings.TrimSuffix(tuple, ",") // only a tuple of one keeps its comma
	}
	descr := "<f4"
	if _, ok := any(T(0)).(int32); ok {
		descr = "<i4"
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	const prefix = 10 // the magic, the version, the length
	dict += strings.Repeat(" ", (alignment-(prefix+len(dict)+1)%alignment)%alignment) + "\n"
	header := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(dict)))
	if _, err := w.Write(append(header, dict...)); err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	return &Writer[T]{w: w, shape: shape, left: size}, nil
}

// alignment is where the data begins.
const alignment = 64

// Write writes the next elements. More than the shape has are an error.
func (w *Writer[T]) Write(values []T) error {
	if len(values) > w.left {
		return fmt.Errorf("npy: %d elements more, want at most the %d that are left of %v", len(values), w.left, w.shape)
	}
	if err := binary.Write(w.w, binary.LittleEndian, values); err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	w.left -= len(values)
	return nil
}

// Close says whether all elements were written. The underlying writer stays open.
func (w *Writer[T]) Close() error {
	if w.left > 0 {
		return fmt.Errorf("npy: %d elements of %v are missing", w.left, w.shape)
	}
	return nil
}
