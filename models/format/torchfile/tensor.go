package torchfile

import (
	"fmt"
	"io"

	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
)

// Tensor is a tensor of an open file; its data is read by [Tensor.Read].
type Tensor struct {
	DType string // the safetensors name
	Shape []int

	stride  []int
	offset  int
	storage *storage
}

// storage is the memory that tensors look at.
type storage struct {
	dtype string
	count int // elements
	open  func() (io.ReadCloser, error)
}

// read returns the storage's bytes.
func (s *storage) read() ([]byte, error) {
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, s.count*width[s.dtype])
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("%w: tensor data: %w", ErrFormat, err)
	}
	return data, nil
}

// Read returns the tensor under a name, contiguous.
func (t *Tensor) Read(name string) (safetensors.Tensor, error) {
	data, err := t.storage.read()
	if err != nil {
		return safetensors.Tensor{}, fmt.Errorf("torchfile: %s: %w", name, err)
	}
	size := 1
	for _, n := range t.Shape {
		size *= n
	}
	w := width[t.DType]
	out := make([]byte, 0, size*w)
	index := make([]int, len(t.Shape))
	for range size {
		at := t.offset
		for axis, i := range index {
			at += i * t.stride[axis]
		}
		out = append(out, data[at*w:(at+1)*w]...)
		for axis := len(index) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < t.Shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return safetensors.Tensor{Name: name, DType: t.DType, Shape: t.Shape, Data: out}, nil
}

// newTensor understands the arguments of _rebuild_tensor_v2: storage, offset, size, stride, and what does not matter.
// It fails where an element would lie outside the storage.
func newTensor(args pickle.Tuple, storages func(id any) (*storage, error)) (*Tensor, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("%w: a tensor of %d parts", ErrFormat, len(args))
	}
	id, isPersistent := args[0].(pickle.Persistent)
	offset, isInt := args[1].(int)
	shape, shapeErr := ints(args[2])
	stride, strideErr := ints(args[3])
	if !isPersistent || !isInt || shapeErr != nil || strideErr != nil || len(shape) != len(stride) || offset < 0 {
		return nil, fmt.Errorf("%w: a tensor of %v", ErrFormat, args[1:4])
	}
	s, err := storages(id.ID)
	if err != nil {
		return nil, err
	}
	// Expanded tensors, which have more elements than their storage, are not what a checkpoint holds.
	size, last := 1, offset
	for i, n := range shape {
		if n < 0 || n > s.count || stride[i] < 0 || stride[i] > s.count {
			return nil, fmt.Errorf("%w: a tensor of shape %v and stride %v in a storage of %d", ErrFormat, shape, stride, s.count)
		}
		size *= n
		last += max(n-1, 0) * stride[i]
		if size > s.count || n > 0 && last >= s.count {
			return nil, fmt.Errorf("%w: a tensor of shape %v, stride %v at %d in a storage of %d", ErrFormat, shape, stride, offset, s.count)
		}
	}
	if size > 0 && last >= s.count {
		return nil, fmt.Errorf("%w: a tensor at %d in a storage of %d", ErrFormat, offset, s.count)
	}
	return &Tensor{DType: s.dtype, Shape: shape, stride: stride, offset: offset, storage: s}, nil
}

func ints(v any) ([]int, error) {
	tuple, ok := v.(pickle.Tuple)
	if !ok {
		return nil, fmt.Errorf("%w: %T, want a tuple", ErrFormat, v)
	}
	all := make([]int, len(tuple))
	for i, e := range tuple {
		if all[i], ok = e.(int); !ok {
			return nil, fmt.Errorf("%w: %T, want a number", ErrFormat, e)
		}
	}
	return all, nil
}
