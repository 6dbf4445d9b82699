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
	"github.com/mocotpu/mocotpu/models/run"
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
	if r.Query, err = importTensors(path, withPrefix(tensors, prefix+"encoder_q."), ImportOptions{}); err != nil {
		return nil, fmt.Errorf("the query encoder: %w", err)
	}
	if r.Key, err = importTensors(path, withPrefix(tensors, prefix+"encoder_k."), ImportOptions{}); err != nil {
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

// takeOptimizer sets SGD's buffers and settings. The optimizer numbers the parameters in the module's order, which is that
// of the query encoder's tensors without its buffers; it may have the key encoder's behind them, without any state.
func takeOptimizer(r *encoder.Run, optimizer any, query []safetensors.Tensor) error {
	state, isState := value[pickle.Dict](optimizer, "state")
	groups, _ := value[pickle.List](optimizer, "param_groups")
	if !isState || len(groups) != 1 {
		return fmt.Errorf("%w: %d groups of parameters with their state, want torch's SGD with one", ErrUnknown, len(groups))
	}
	if err := takeSettings(&r.Config.Optim, groups[0]); err != nil {
		return err
	}
	numbers, _ := value[pickle.List](groups[0], "params")
	dims := map[string][]int{}
	for _, p := range r.Query.Manifest.Network.Config().Params() {
		if !p.Buffer {
			dims[p.Name] = p.Dims
		}
	}
	renamed, err := torchvisionNames(query)
	if err != nil {
		return err
	}
	buffers := buffersOf(state)
	r.Momentum = map[string][]float32{}
	for _, t := range renamed {
		if dims[t.Name] == nil {
			continue
		}
		at := len(r.Momentum)
		if at >= len(numbers) {
			return fmt.Errorf("%w: %d parameters, want the %d of the query encoder", ErrUnknown, len(numbers), len(dims))
		}
		number, _ := numbers[at].(int)
		saved := buffers[number]
		if saved == nil {
			return fmt.Errorf("%w: no momentum_buffer of %s, want SGD's with momentum, after a step", ErrUnknown, t.Name)
		}
		buffer, err := saved.Read(t.Name)
		if err != nil {
			return err
		}
		if !slices.Equal(buffer.Shape, t.Shape) || buffer.DType != "F32" {
			return fmt.Errorf("%w: the momentum of %s is %s%v, want F32%v", ErrUnknown, t.Name, buffer.DType, buffer.Shape, t.Shape)
		}
		values := make([]float32, len(buffer.Data)/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(buffer.Data[4*i:]))
		}
		if i := slices.IndexFunc(values, notFinite); i >= 0 {
			return fmt.Errorf("%w: the momentum of %s has %v", ErrSpoilt, t.Name, values[i])
		}
		r.Momentum[t.Name] = resnet.FromTorch(values, dims[t.Name])
	}
	return nil
}

// takeSettings takes those of SGD that this trainer has, and refuses the others.
func takeSettings(o *run.Optim, group any) error {
	for name, want := range map[string]any{"nesterov": false, "maximize": false, "dampening": 0.0} {
		switch got, found := value[any](group, name); {
		case !found || got == want:
		case name == "dampening" && got == 0:
		default:
			return fmt.Errorf("%w: SGD with %s=%v, want %v", ErrUnknown, name, got, want)
		}
	}
	for name, into := range map[string]*float64{"momentum": &o.Momentum, "weight_decay": &o.WeightDecay, "lr": &o.LR} {
		v, isFloat := value[float64](group, name)
		n, isInt := value[int](group, name)
		if isInt {
			v = float64(n)
		}
		if !isFloat && !isInt || v < 0 || v-v != 0 {
			return fmt.Errorf("%w: its %s is no number from 0, want SGD's", ErrUnknown, name)
		}
		*into = v
	}
	return nil
}

// buffersOf are the buffers of the parameters that have one, by their number.
func buffersOf(state pickle.Dict) map[int]*torchfile.Tensor {
	found := map[int]*torchfile.Tensor{}
	for _, e := range state {
		n, isNumber := e.Key.(int)
		if buffer, ok := value[*torchfile.Tensor](e.Value, "momentum_buffer"); ok && isNumber {
			found[n] = buffer
		}
	}
	return found
}

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
