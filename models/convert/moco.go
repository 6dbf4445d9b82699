package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/format/torchfile"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
)

// Names in facebookresearch/moco's checkpoints: those of the module MoCo inside DistributedDataParallel.
const (
	mocoPrefix   = "module."
	mocoQuery    = mocoPrefix + "encoder_q."
	mocoKey      = mocoPrefix + "encoder_k."
	stateDictKey = "state_dict"
)

// mocoFormat is a checkpoint of facebookresearch/moco: main_lincls.py takes it with --pretrained, main_moco.py goes on
// from it with --resume.
func mocoFormat(s Source, o Options, m *Manifest) ([]artifact, error) {
	switch {
	case s.Run == nil:
		return nil, fmt.Errorf("%w: it holds both encoders and the queue, want a run directory", ErrUnsupported)
	case o.Trunk:
		return nil, fmt.Errorf("%w: a trunk without its head", ErrUnsupported)
	}
	want, err := mocoStateDict(s.Run)
	if err != nil {
		return nil, err
	}
	m.Tensors = len(want)
	var state pickle.Dict
	for _, t := range want {
		state = append(state, pickle.Entry{Key: t.Name, Value: t})
	}
	optimizer, err := mocoOptimizer(s.Run)
	if err != nil {
		return nil, err
	}
	root := pickle.Dict{
		{Key: "epoch", Value: s.Run.Query.Manifest.Source.Epoch},
		{Key: "arch", Value: s.Run.Query.Manifest.Network.Arch},
		{Key: stateDictKey, Value: state},
		{Key: "optimizer", Value: optimizer},
	}
	return []artifact{{
		write: func(w io.Writer) error { return torchfile.Write(w, root) },
		verify: func(path string) error {
			got, err := readStateDict(path)
			if err != nil {
				return err
			}
			return sameTensors(got, want)
		},
	}}, nil
}

// mocoStateDict lists the tensors in the module's order: its own buffers, then the encoders.
func mocoStateDict(r *encoder.Run) ([]safetensors.Tensor, error) {
	dim := r.Query.Manifest.Network.Projection
	if dim == 0 || len(r.Queue) == 0 || len(r.Queue)%dim != 0 {
		return nil, fmt.Errorf("a queue of %d values for projections of %d, want whole rows", len(r.Queue), dim)
	}
	keys := len(r.Queue) / dim
	queue := make([]byte, 4*len(r.Queue)) // [dim, K]: a key is a column
	for k := range keys {
		for d := range dim {
			binary.LittleEndian.PutUint32(queue[4*(d*keys+k):], math.Float32bits(r.Queue[k*dim+d]))
		}
	}
	pointer := binary.LittleEndian.AppendUint64(nil, uint64(r.QueuePtr))
	all := []safetensors.Tensor{
		{Name: mocoPrefix + "queue", DType: "F32", Shape: []int{dim, keys}, Data: queue},
		{Name: mocoPrefix + "queue_ptr", DType: "I64", Shape: []int{1}, Data: pointer},
	}
	for _, part := range []struct {
		prefix  string
		weights *encoder.Weights
	}{{mocoQuery, r.Query}, {mocoKey, r.Key}} {
		tensors, err := part.weights.StateDict("F32")
		if err != nil {
			return nil, err
		}
		for _, t := range tensors {
			t.Name = part.prefix + t.Name
			all = append(all, t)
		}
	}
	return all, nil
}

// mocoOptimizer is the state_dict of torch's SGD over the parameters of both encoders, of which the key's have no state.
func mocoOptimizer(r *encoder.Run) (pickle.Dict, error) {
	state, numbers := pickle.Dict{}, pickle.List{}
	for _, p := range r.Query.Manifest.Network.Config().Params() {
		if p.Buffer {
			continue
		}
		values, ok := r.Momentum[p.Name]
		if !ok || len(values) != p.Size() {
			return nil, errors.New("the momentum of " + p.Name + " is missing")
		}
		torch, dims := resnet.ToTorch(values, p.Dims)
		buffer := safetensors.Tensor{Name: p.Name, DType: "F32", Shape: dims, Data: float32Bytes(torch)}
		state = append(state, pickle.Entry{Key: len(state), Value: pickle.Dict{{Key: "momentum_buffer", Value: buffer}}})
	}
	for i := range 2 * len(state) {
		numbers = append(numbers, i)
	}
	c := r.Config.Optim
	group := pickle.Dict{
		{Key: "lr", Value: lastRate(r)},
		{Key: "momentum", Value: c.Momentum},
		{Key: "dampening", Value: 0},
		{Key: "weight_decay", Value: c.WeightDecay},
		{Key: "nesterov", Value: false},
		{Key: "maximize", Value: false},
		{Key: "foreach", Value: nil},
		{Key: "differentiable", Value: false},
		{Key: "fused", Value: nil},
		{Key: "params", Value: numbers},
	}
	return pickle.Dict{{Key: "state", Value: state}, {Key: "param_groups", Value: pickle.List{group}}}, nil
}

// lastRate is the learning rate of the last step done.
func lastRate(r *encoder.Run) float64 {
	at, c := r.Query.Manifest.Source, r.Config
	if at.Step < 1 {
		return c.Optim.LR
	}
	perEpoch := at.Step // in the first epoch nobody knows
	if at.Epoch > 0 {
		perEpoch = max(1, (at.Step-at.StepInEpoch)/at.Epoch)
	}
	epochs, _ := c.Run.Length(perEpoch)
	return run.LR(c.Optim, (at.Step-1)/perEpoch, (at.Step-1)%perEpoch, perEpoch, epochs)
}

func float32Bytes(values []float32) []byte {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}
