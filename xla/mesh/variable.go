package mesh

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// CopyVariable copies a variable's value into flat, a slice of its Go type as long as its size, which stays the
// caller's. Variables are replicated: it is read once, from the first device of this process, and nothing of it is kept on the host.
func (m *Mesh) CopyVariable(flat any, v *model.Variable) error {
	if err := m.copyVariable(flat, v); err != nil {
		return fmt.Errorf("mesh: reading %s: %w", v.Path(), err)
	}
	return nil
}

func (m *Mesh) copyVariable(flat any, v *model.Variable) error {
	value, err := m.firstCopy(v)
	if err != nil {
		return err
	}
	return m.copyTensor(flat, value)
}

func (m *Mesh) copyTensor(flat any, value *tensors.Tensor) error {
	if !value.IsOnAnyDevice() {
		return value.ConstFlatData(func(from any) { dtypes.CopyAnySlice(flat, from) })
	}
	device, err := value.Device()
	if err != nil {
		return err
	}
	buffer, err := value.Buffer(m.backend, device)
	if err != nil {
		return err
	}
	return buffer.ToFlatData(flat)
}

func (m *Mesh) firstCopy(v *model.Variable) (*tensors.Tensor, error) {
	if m.devices == 1 {
		return v.Value()
	}
	d, err := v.DistributedValue()
	if err != nil { // no program is compiled, which would say how to split it: it is on the host
		return v.Value()
	}
	return d.Shards()[m.first], nil
}
