package pretrain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/safetensors"
)

// dtypeNames are the types that a run's state has, by their safetensors names.
var dtypeNames = map[dtypes.DType]string{dtypes.Float32: "F32", dtypes.Int32: "I32"}

// snapshot copies every variable of the store to the host, named by its path without the leading slash.
func snapshot(store *model.Store) ([]safetensors.Tensor, error) {
	var all []safetensors.Tensor
	for v := range store.IterVariables() {
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("pretrain: reading %s: %w", v.Path(), err)
		}
		name, ok := dtypeNames[v.DType()]
		if !ok {
			return nil, fmt.Errorf("pretrain: %s has type %s, want float32 or int32", v.Path(), v.DType())
		}
		t := safetensors.Tensor{Name: strings.TrimPrefix(v.Path(), "/"), DType: name, Shape: v.Shape().Clone().Dimensions}
		if err := value.ConstBytes(func(data []byte) { t.Data = slices.Clone(data) }); err != nil {
			return nil, fmt.Errorf("pretrain: reading %s: %w", v.Path(), err)
		}
		all = append(all, t)
	}
	return all, nil
}

// restore sets every variable of the store from the tensors, which must be just those.
func restore(store *model.Store, all []safetensors.Tensor) error {
	if len(all) != store.NumVariables() {
		return fmt.Errorf("%w: it has %d tensors, want the %d of this configuration", ErrIncompatible, len(all), store.NumVariables())
	}
	for _, t := range all {
		v := store.GetVariable(t.Name)
		if v == nil {
			return fmt.Errorf("%w: it has a tensor %q that this configuration does not", ErrIncompatible, t.Name)
		}
		if t.DType != dtypeNames[v.DType()] || !slices.Equal(t.Shape, v.Shape().Dimensions) {
			return fmt.Errorf("%w: tensor %q is %s%v, want %s", ErrIncompatible, t.Name, t.DType, t.Shape, v.Shape())
		}
		value := tensors.FromShape(shapes.Make(v.DType(), t.Shape...))
		err := value.MutableBytes(func(data []byte) { copy(data, t.Data) })
		if err == nil {
			err = v.SetValue(value)
		}
		if err != nil {
			return fmt.Errorf("pretrain: setting %s: %w", v.Path(), err)
		}
	}
	return nil
}
