package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/format/torchfile"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
)

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
