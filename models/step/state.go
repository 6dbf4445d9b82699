package step

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// The state has one layout in checkpoints and wherever else it is read: resnet's. On the devices of a backend that asks for
// it, the kernels of convolutions lie otherwise (resnet.KeepKernels). Copy and Set are the border.

// DTypes are the types that variables of the state have, and what safetensors calls them.
var DTypes = map[dtypes.DType]string{dtypes.Float32: "F32", dtypes.Int32: "I32"}

// Name is what a variable of the state is called in a checkpoint.
func Name(v *model.Variable) string { return strings.TrimPrefix(v.Path(), "/") }

// Dims are the dimensions of a variable of the state in a checkpoint.
func (s *Step) Dims(v *model.Variable) []int {
	dims := v.Shape().Clone().Dimensions
	if s.outputFirst {
		_, dims = resnet.FromOutputFirst(nil, dims)
	}
	return dims
}

// Copy copies the variable of that [Name] into flat, a slice of its Go type as long as its size, which stays the caller's,
// in the order of [Step.Dims].
func (s *Step) Copy(flat any, name string) error {
	v := s.store.GetVariable(name)
	if err := s.mesh.CopyVariable(flat, v); err != nil {
		return err
	}
	if values, ok := flat.([]float32); ok && s.outputFirst {
		values, _ := resnet.FromOutputFirst(values, v.Shape().Dimensions)
		copy(flat.([]float32), values)
	}
	return nil
}

// Set sets the variable of that [Name] to a value on the host, of its type and [Step.Dims], and takes the value over.
func (s *Step) Set(name string, value *tensors.Tensor) error {
	if s.outputFirst && value.Rank() == 4 {
		flat, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return fmt.Errorf("step: setting %s: %w", name, err)
		}
		values, dims := resnet.ToOutputFirst(flat, value.Shape().Dimensions)
		value.FinalizeAll()
		value = tensors.FromFlatDataAndDimensions(values, dims...)
	}
	return s.mesh.SetVariable(s.store.GetVariable(name), value)
}

// initOutputFirst is moco.Init for a store that keeps kernels so.
func (s *Step) initOutputFirst() error {
	return s.eachInitial(func(v *model.Variable, value *tensors.Tensor) error {
		if value.Rank() == 4 {
			values, dims := resnet.ToOutputFirst(tensors.MustCopyFlatData[float32](value), value.Shape().Dimensions)
			value = tensors.FromFlatDataAndDimensions(values, dims...)
		}
		created, err := s.store.CreateVariable(v.Path(), value)
		if err == nil {
			created.SetTrainable(v.Trainable)
		}
		return err
	})
}

// eachInitial calls set with every variable as it begins and its value, in the order of moco.Init.
func (s *Step) eachInitial(set func(v *model.Variable, value *tensors.Tensor) error) error {
	fresh := model.NewStore()
	if err := moco.Init(fresh, s.definition, s.seed); err != nil {
		return err
	}
	for v := range fresh.IterVariables() {
		value, err := v.Value()
		if err == nil {
			err = set(v, value)
		}
		if err != nil {
			return fmt.Errorf("step: initialising %s: %w", v.Path(), err)
		}
	}
	return nil
}

// Reset sets the state back to its beginning.
func (s *Step) Reset() error {
	return s.eachInitial(func(v *model.Variable, value *tensors.Tensor) error { return s.Set(Name(v), value) })
}

// Restore sets every variable of the state. The tensors are named by [Name], of [Step.Dims], and must be just those of the
// state.
func (s *Step) Restore(all []safetensors.Tensor) error {
	if len(all) != s.store.NumVariables() {
		return fmt.Errorf("step: %d tensors, want the %d of this configuration", len(all), s.store.NumVariables())
	}
	for _, t := range all {
		v := s.store.GetVariable(t.Name)
		if v == nil {
			return fmt.Errorf("step: tensor %q is none of this configuration", t.Name)
		}
		if want := s.Dims(v); t.DType != DTypes[v.DType()] || !slices.Equal(t.Shape, want) {
			return fmt.Errorf("step: tensor %q is %s%v, want %s%v", t.Name, t.DType, t.Shape, DTypes[v.DType()], want)
		}
		value := tensors.FromShape(shapes.Make(v.DType(), t.Shape...))
		err := value.MutableBytes(func(data []byte) { copy(data, t.Data) })
		if err == nil {
			err = s.Set(t.Name, value)
		}
		if err != nil {
			return fmt.Errorf("step: setting %s: %w", v.Path(), err)
		}
	}
	return nil
}
