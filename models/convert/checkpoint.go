package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/format/torchfile"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// maxEpochs bounds what a file says of its epochs.
const maxEpochs = 1 << 30

// LoadCheckpoint reads the whole state of a run from a checkpoint of facebookresearch/moco, or of its CIFAR notebook: both
// encoders, SGD's buffers, the queue and its pointer. Of the configuration, Optim has SGD's momentum and weight decay and
// the rate of the last step; the epochs done are those of Query.Manifest.Source, whose Step is what BatchNorm has counted.
//
// Nothing may be missing: [Load] takes the encoders of a checkpoint that holds no more. The error is [ErrUnknown] for a
// file of another kind and for an optimizer that is not MoCo's SGD, [ErrSpoilt] for numbers of no use.
func LoadCheckpoint(path string) (*encoder.Run, error) {
	r, err := loadCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("convert: %s: %w", path, err)
	}
	return r, nil
}

func loadCheckpoint(path string) (*encoder.Run, error) {
	f, err := torchfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	root, _ := f.Root.(pickle.Dict)
	dict, found := root.Get(stateDictKey)
	if !found {
		return nil, fmt.Errorf("%w: no %s in it, want a checkpoint of facebookresearch/moco", ErrUnknown, stateDictKey)
	}
	tensors, err := namedTensors(dict)
	if err != nil {
		return nil, err
	}
	prefix, err := wrapper(tensors)
	if err != nil {
		return nil, err
	}
	r := &encoder.Run{}
	if r.Query, err = importTensors(path, withPrefix(tensors, prefix+"encoder_q."), nil, ImportOptions{}); err != nil {
		return nil, fmt.Errorf("the query encoder: %w", err)
	}
	if r.Key, err = importTensors(path, withPrefix(tensors, prefix+"encoder_k."), nil, ImportOptions{}); err != nil {
		return nil, fmt.Errorf("the key encoder: %w", err)
	}
	if q, k := r.Query.Manifest.Network, r.Key.Manifest.Network; q != k || q.Head == resnet.HeadNone {
		return nil, fmt.Errorf("%w: the query encoder is a %+v and the key encoder a %+v, want the same, with a head", ErrUnknown, q, k)
	}
	if err := takeQueue(r, tensors, prefix); err != nil {
		return nil, err
	}
	optimizer, _ := root.Get("optimizer")
	if err := takeOptimizer(r, optimizer, withPrefix(tensors, prefix+"encoder_q.")); err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	epoch, ok := value[int](root, "epoch")
	if !ok || epoch < 1 || epoch > maxEpochs {
		return nil, fmt.Errorf("%w: no epoch in it, want the number of epochs done", ErrUnknown)
	}
	r.Query.Manifest.Source.Epoch, r.Query.Manifest.Source.Step = epoch, batchesSeen(tensors)
	return r, nil
}

// wrapper is what stands before the names of the module's parts: DistributedDataParallel's, or nothing.
func wrapper(tensors []safetensors.Tensor) (string, error) {
	parts := []string{"encoder_q.", "encoder_k.", "queue", "queue_ptr"}
	missing := parts
	for _, prefix := range []string{mocoPrefix, ""} {
		absent := slices.DeleteFunc(slices.Clone(parts), func(part string) bool {
			return slices.ContainsFunc(tensors, func(t safetensors.Tensor) bool {
				return t.Name == prefix+part || strings.HasSuffix(part, ".") && strings.HasPrefix(t.Name, prefix+part)
			})
		})
		if len(absent) == 0 {
			return prefix, nil
		}
		if len(absent) < len(missing) {
			missing = absent
		}
	}
	return "", fmt.Errorf("%w: it holds no %s, want both encoders and the queue (--init starts from the encoders that a file has)",
		ErrUnknown, strings.Join(missing, ", "))
}

// withPrefix are the tensors behind a prefix, without it.
func withPrefix(tensors []safetensors.Tensor, prefix string) []safetensors.Tensor {
	var found []safetensors.Tensor
	for _, t := range tensors {
		if name, ok := strings.CutPrefix(t.Name, prefix); ok {
			t.Name = name
			found = append(found, t)
		}
	}
	return found
}

// takeQueue sets the queue, of which a key is a column in the file and a row here, and its pointer.
func takeQueue(r *encoder.Run, tensors []safetensors.Tensor, prefix string) error {
	for _, t := range tensors {
		switch t.Name {
		case prefix + "queue":
			dim := r.Query.Manifest.Network.Projection
			if t.DType != "F32" || len(t.Shape) != 2 || t.Shape[0] != dim || t.Shape[1] < 1 {
				return fmt.Errorf("%w: %s is %s%v, want F32[%d, keys]", ErrUnknown, t.Name, t.DType, t.Shape, dim)
			}
			keys := t.Shape[1]
			r.Queue = make([]float32, dim*keys)
			for i := range r.Queue {
				r.Queue[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*(i%dim*keys+i/dim):]))
			}
		case prefix + "queue_ptr":
			if t.DType != "I64" || len(t.Data) != 8 {
				return fmt.Errorf("%w: %s is %s%v, want I64[1]", ErrUnknown, t.Name, t.DType, t.Shape)
			}
			r.QueuePtr = int(int64(binary.LittleEndian.Uint64(t.Data)))
		}
	}
	if keys := len(r.Queue) / r.Query.Manifest.Network.Projection; r.QueuePtr < 0 || r.QueuePtr >= keys {
		return fmt.Errorf("%w: %squeue_ptr is %d, want 0 to %d", ErrUnknown, prefix, r.QueuePtr, keys-1)
	}
	if i := slices.IndexFunc(r.Queue, notFinite); i >= 0 {
		return fmt.Errorf("%w: %squeue has %v", ErrSpoilt, prefix, r.Queue[i])
	}
	return nil
}

func notFinite(v float32) bool { return v-v != 0 }

// value is a dict's of a key, where it is of a type.
func value[T any](dict any, key string) (T, bool) {
	d, _ := dict.(pickle.Dict)
	v, _ := d.Get(key)
	t, ok := v.(T)
	return t, ok
}

// batchesSeen is how many batches BatchNorm has counted, 0 where it has not.
func batchesSeen(tensors []safetensors.Tensor) int {
	for _, t := range tensors {
		if strings.HasSuffix(t.Name, ".num_batches_tracked") && t.DType == "I64" && len(t.Data) == 8 {
			return int(int64(binary.LittleEndian.Uint64(t.Data)))
		}
	}
	return 0
}
