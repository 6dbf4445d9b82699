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
	from  *reading
}

// reading is what a file's tensors have in common: the storage that was read last, since they may share it, and how many
// bytes the file may still be unfolded into, since a small file can have any number of tensors that share a large storage.
type reading struct {
	left int64
	last *storage
	data []byte
}

func newReading(size int64) *reading { return &reading{left: 8*size + 64<<20} }

func (r *reading) spend(bytes int) error {
	if r.left -= int64(bytes); r.left < 0 {
		return fmt.Errorf("%w: its tensors share their data so often that they take more than eight times the file", ErrFormat)
	}
	return nil
}

// read returns the storage's bytes, which are not the caller's.
func (s *storage) read() ([]byte, error) {
	if s.from.last == s {
		return s.from.data, nil
	}
	size := s.count * width[s.dtype]
	if err := s.from.spend(size); err != nil {
		return nil, err
	}
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("%w: tensor data: %w", ErrFormat, err)
	}
	s.from.last, s.from.data = s, data
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
	if err := t.storage.from.spend(size * w); err != nil {
		return safetensors.Tensor{}, fmt.Errorf("torchfile: %s: %w", name, err)
	}
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
		return nil, fmt.Errorf("%w: a tensor whose offset, shape and stride are no numbers, or not as many", ErrFormat)
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

// maxRank is torch's limit on dimensions.
const maxRank = 64

func ints(v any) ([]int, error) {
	tuple, ok := v.(pickle.Tuple)
	if !ok || len(tuple) > maxRank {
		return nil, fmt.Errorf("%w: %T, want a tuple of at most %d", ErrFormat, v, maxRank)
	}
	all := make([]int, len(tuple))
	for i, e := range tuple {
		if all[i], ok = e.(int); !ok {
			return nil, fmt.Errorf("%w: %T, want a number", ErrFormat, e)
		}
	}
	return all, nil
}
