// Package safetensors reads and writes the safetensors format: named arrays in one file, which Python's torch, JAX
// and NumPy read, too.
//
// A file is 8 bytes of header length (little-endian), a JSON object padded with spaces, the data.
//
// # Errors
//
// Everything returns errors. A file that lies about itself is one, and no memory is allocated on its word.
//
// # Determinism
//
// The same tensors and metadata make the same bytes.
package safetensors

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"

	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// Tensor is one named array of a file.
type Tensor struct {
	// Name is unique in its file and not empty.
	Name string
	// DType is the safetensors name: F64, F32, F16, BF16, I64, I32, I16, I8,
	// U64, U32, U16, U8 or BOOL.
	DType string
	// Shape holds the dimensions, none for a scalar.
	Shape []int
	// Data holds the elements, little-endian, the last axis fastest.
	Data []byte
}

var dtypeBytes = map[string]int{
	"F64": 8, "I64": 8, "U64": 8,
	"F32": 4, "I32": 4, "U32": 4,
	"F16": 2, "BF16": 2, "I16": 2, "U16": 2,
	"I8": 1, "U8": 1, "BOOL": 1,
}

// maxHeaderBytes bounds the header, which takes about ten times its size to read: a hundred thousand tensors. The
// reference implementation takes up to 100 MB.
const maxHeaderBytes = 16 << 20

// metadataKey is the one header key that is not a tensor.
const metadataKey = "__metadata__"

// tensorHeader is a tensor's entry in the header.
type tensorHeader struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Write writes tensors to w, with metadata in the header where there is any. Those of wider elements come first, so
// that every tensor is aligned to its element, and else the order is kept. It holds no copy of the data.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	tensors = slices.Clone(tensors)
	slices.SortStableFunc(tensors, func(a, b Tensor) int { return dtypeBytes[b.DType] - dtypeBytes[a.DType] })
	header := make(map[string]any, len(tensors)+1)
	if len(metadata) > 0 {
		header[metadataKey] = metadata
	}
	offset := int64(0)
	for _, t := range tensors {
		if err := t.check(); err != nil {
			return err
		}
		if _, twice := header[t.Name]; twice {
			return fmt.Errorf("safetensors: tensor %q is there twice", t.Name)
		}
		end := offset + int64(len(t.Data))
		header[t.Name] = tensorHeader{t.DType, append([]int{}, t.Shape...), [2]int64{offset, end}}
		offset = end
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	buffered := bufio.NewWriterSize(w, 1<<20)
	// A bufio.Writer keeps its first error until Flush.
	binary.Write(buffered, binary.LittleEndian, uint64(len(text)))
	buffered.Write(text)
	for _, t := range tensors {
		buffered.Write(t.Data)
	}
	return buffered.Flush()
}

// ReadFile reads a regular file that goes into memory: its tensors in the order of the data, which are the caller's, and the
// metadata.
func ReadFile(name string) (tensors []Tensor, metadata map[string]string, err error) {
	f, size, err := open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if have := limits.Memory(); size > have {
		return nil, nil, fmt.Errorf("safetensors: %s has %d bytes, more than the %d of memory here", name, size, have)
	}
	return read(f, size)
}

// ReadMetadata reads the metadata of a regular file, nil where there is none, and no tensor.
func ReadMetadata(name string) (map[string]string, error) {
	f, size, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, _, err := readHeader(f, size)
	if err != nil {
		return nil, err
	}
	return readMetadata(entries)
}

func open(name string) (f *os.File, size int64, err error) {
	if f, err = regular.Open(name); err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// readMetadata takes the metadata out of the entries.
func readMetadata(entries map[string]json.RawMessage) (metadata map[string]string, err error) {
	if entry, ok := entries[metadataKey]; ok {
		if err := json.Unmarshal(entry, &metadata); err != nil {
			return nil, fmt.Errorf("safetensors: %s: %w", metadataKey, err)
		}
		delete(entries, metadataKey)
	}
	return metadata, nil
}

// read reads a file of size bytes from r: its tensors in the order of the data, which are the caller's, and the
// metadata, nil where there is none. It allocates no more than size, whatever the header claims.
func read(r io.Reader, size int64) (tensors []Tensor, metadata map[string]string, err error) {
	entries, left, err := readHeader(r, size)
	if err != nil {
		return nil, nil, err
	}
	if metadata, err = readMetadata(entries); err != nil {
		return nil, nil, err
	}
	headers := make(map[string]tensorHeader, len(entries))
	names := make([]string, 0, len(entries))
	for name, entry := range entries {
		var h tensorHeader
		if err := json.Unmarshal(entry, &h); err != nil {
			return nil, nil, fmt.Errorf("safetensors: tensor %q: %w", name, err)
		}
		if h.Shape == nil {
			return nil, nil, fmt.Errorf("safetensors: tensor %q has no shape", name)
		}
		headers[name] = h
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := headers[a].Offsets, headers[b].Offsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), cmp.Compare(a, b))
	})
	tensors, err = readTensors(r, left, names, headers)
	return tensors, metadata, err
}

// readHeader returns the entries of the header and how many bytes of data follow it.
func readHeader(r io.Reader, size int64) (entries map[string]json.RawMessage, left int64, err error) {
	var prefix [8]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, 0, fmt.Errorf("safetensors: header length: %w", err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > maxHeaderBytes || int64(length) > size-8 {
		return nil, 0, fmt.Errorf("safetensors: header of %d bytes in a file of %d", length, size)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, 0, fmt.Errorf("safetensors: header: %w", err)
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, 0, fmt.Errorf("safetensors: header: %w", err)
	}
	return entries, size - 8 - int64(length), nil
}

// readTensors reads the data of all names, which must fill left bytes exactly.
func readTensors(r io.Reader, left int64, names []string, headers map[string]tensorHeader) ([]Tensor, error) {
	tensors := make([]Tensor, 0, len(names))
	offset := int64(0)
	for _, name := range names {
		h := headers[name]
		if h.Offsets[0] != offset || h.Offsets[1] < offset || h.Offsets[1] > left {
			return nil, fmt.Errorf("safetensors: tensor %q at bytes %d to %d, want from %d and up to %d",
				name, h.Offsets[0], h.Offsets[1], offset, left)
		}
		t := Tensor{Name: name, DType: h.DType, Shape: h.Shape, Data: make([]byte, h.Offsets[1]-offset)}
		if err := t.check(); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(r, t.Data); err != nil {
			return nil, fmt.Errorf("safetensors: tensor %q: %w", name, err)
		}
		offset = h.Offsets[1]
		tensors = append(tensors, t)
	}
	if offset != left {
		return nil, fmt.Errorf("safetensors: %d bytes after the last tensor", left-offset)
	}
	return tensors, nil
}

// check compares the length of the data with the shape and type.
func (t Tensor) check() error {
	if t.Name == "" || t.Name == metadataKey {
		return fmt.Errorf("safetensors: tensor cannot be named %q", t.Name)
	}
	width, ok := dtypeBytes[t.DType]
	if !ok {
		return fmt.Errorf("safetensors: tensor %q: unknown type %q", t.Name, t.DType)
	}
	want := uint64(width)
	for _, n := range t.Shape {
		if n < 0 {
			return fmt.Errorf("safetensors: tensor %q: shape %v", t.Name, t.Shape)
		}
		over, product := bits.Mul64(want, uint64(n))
		if over != 0 {
			return fmt.Errorf("safetensors: tensor %q: shape %v is too large", t.Name, t.Shape)
		}
		want = product
	}
	if uint64(len(t.Data)) != want {
		return fmt.Errorf("safetensors: tensor %q: %d bytes of data, want %d for %s%v", t.Name, len(t.Data), want, t.DType, t.Shape)
	}
	return nil
}
