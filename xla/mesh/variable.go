package mesh

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"
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

// Place puts the variables of a store, which are on the host, on the devices of this process. The programs of the mesh do so
// as well where they find them on the host, but with a copy on the host for every device of every process. Without other
// processes it does nothing.
func (m *Mesh) Place(store *model.Store) error {
	if m.assignment == nil {
		return nil
	}
	for v := range store.IterVariables() {
		value, err := v.Value()
		if err == nil {
			err = m.SetVariable(v, value)
		}
		if err != nil {
			return fmt.Errorf("mesh: placing %s: %w", v.Path(), err)
		}
	}
	return nil
}

// SetVariable sets a variable's value, which is on the host and which it takes over, and puts it on the devices of this
// process where there are others.
func (m *Mesh) SetVariable(v *model.Variable, value *tensors.Tensor) error {
	if m.assignment == nil {
		return v.SetValue(value)
	}
	shards := make([]*tensors.Tensor, m.devices)
	var uploading error
	err := value.ConstFlatData(func(flat any) {
		for place := range shards { // those of other processes stand for what these place
			if shards[place], uploading = upload(m, place, flat, value.Shape()); uploading != nil {
				return
			}
		}
	})
	if err := errors.Join(err, uploading); err != nil {
		return err
	}
	whole, err := dtensor.NewTensor(m.replicated, shards)
	if err == nil {
		err = v.SetDistributedValue(whole) // frees what was there, which may be the value
	}
	return errors.Join(err, value.FinalizeAll())
}
