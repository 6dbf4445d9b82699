package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// ReadMatrix reads a file of one float32 matrix, [rows, columns], into memory: row after row, of which each has columns
// elements, at least one. A header that does not fit the file's length is an error, as is a matrix that this process has no
// memory for.
func ReadMatrix(name string) (elements []float32, columns int, err error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("npy: %w", err)
	}
	defer f.Close()
	if elements, columns, err = readMatrix(f); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	return elements, columns, nil
}

func readMatrix(f *os.File) ([]float32, int, error) {
	h, err := ReadHeader(f)
	if err != nil {
		return nil, 0, err
	}
	if h.Type != Float32 || len(h.Shape) != 2 || h.Shape[1] < 1 {
		return nil, 0, fmt.Errorf("npy: %s %v, want a matrix of %s", h.Type, h.Shape, Float32)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("npy: %w", err)
	}
	size := h.Bytes()
	switch {
	case size != info.Size()-h.Offset:
		return nil, 0, fmt.Errorf("npy: %d bytes of elements, want %d for %v", info.Size()-h.Offset, size, h.Shape)
	case size > limits.Memory():
		return nil, 0, fmt.Errorf("npy: a matrix %v of %s, and this process may use %s", h.Shape, limits.Text(size), limits.Text(limits.Memory()))
	}
	elements := make([]float32, size/4)
	block := make([]byte, 1<<20)
	for done := 0; done < len(elements); {
		part := block[:min(len(block), 4*(len(elements)-done))]
		if _, err := io.ReadFull(f, part); err != nil {
			return nil, 0, fmt.Errorf("npy: %w", err)
		}
		for i := 0; i < len(part); i += 4 {
			elements[done] = math.Float32frombits(binary.LittleEndian.Uint32(part[i:]))
			done++
		}
	}
	return elements, h.Shape[1], nil
}
