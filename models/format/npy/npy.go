// Package npy has NumPy's .npy format: a [Writer] of arrays that may be larger than memory, row by row, and the [Header] alone for those that are mapped.
//
// A file is a magic string, a version, the length of the header, and the header: a Python dictionary of descr, fortran_order and shape, padded so that the elements start at a multiple of 64 bytes.
//
// # Errors
//
// Everything returns errors. A header that is not one never panics, and never takes more than 4096 bytes.
package npy

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Element is what an array can hold.
type Element interface{ float32 | int32 }

// Writer writes one array.
type Writer[T Element] struct {
	w     io.Writer
	kind  string
	shape []int
	left  int // elements
}

// NewWriter writes the header of an array of the given shape, whose elements follow in row-major order by
// [Writer.Write]. The format is version 1.0, little-endian.
func NewWriter[T Element](w io.Writer, shape ...int) (*Writer[T], error) {
	size := 1
	for _, n := range shape {
		if n < 0 {
			return nil, fmt.Errorf("npy: shape %v, want no negative number", shape)
		}
		size *= n
	}
	kind := Float32
	if _, ok := any(T(0)).(int32); ok {
		kind = Int32
	}
	if _, err := w.Write(Header{Type: kind, Shape: shape}.Encode()); err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	return &Writer[T]{w: w, kind: kind, shape: shape, left: size}, nil
}

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

// CloseAt ends an array that has got fewer rows along its first axis than its shape said: the header of those that were
// written replaces the one at the beginning of f, which is what the writer writes to.
func (w *Writer[T]) CloseAt(f io.WriterAt) error {
	row, size := 1, 1
	for i, n := range w.shape {
		size *= n
		if i > 0 {
			row *= n
		}
	}
	if row == 0 || w.left%row != 0 {
		return fmt.Errorf("npy: %d elements of %v are missing, want whole rows", w.left, w.shape)
	}
	shape := append([]int{(size - w.left) / row}, w.shape[1:]...)
	if _, err := f.WriteAt(Header{Type: w.kind, Shape: shape}.Encode(), 0); err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	return nil
}

// Close says whether all elements were written. The underlying writer stays open.
func (w *Writer[T]) Close() error {
	if w.left > 0 {
		return fmt.Errorf("npy: %d elements of %v are missing", w.left, w.shape)
	}
	return nil
}
