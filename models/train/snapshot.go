package train

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
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// dtypeNames are the types that a run's state has, by their safetensors names.
var dtypeNames = map[dtypes.DType]string{dtypes.Float32: "F32", dtypes.Int32: "I32"}

// snapshot is the state of a run in host memory, which it keeps for the next time: the state of ResNet-50 is 300 MB.
type snapshot struct {
	files []checkpoint.File
	flat  map[string]any // the same memory, by tensor, as slices of the Go type
}

// take copies every variable of the store, named by its path without the leading slash, and overwrites what was taken
// before. The error is a [deviceError].
func (s *snapshot) take(m *mesh.Mesh, store *model.Store) error {
	if s.flat == nil {
		if err := s.allocate(store); err != nil {
			return err
		}
	}
	for _, f := range s.files {
		for _, t := range f.Tensors {
			if err := m.CopyVariable(s.flat[t.Name], store.GetVariable(t.Name)); err != nil {
				return deviceError{fmt.Errorf("train: %w", err)}
			}
		}
	}
	return nil
}

func (s *snapshot) allocate(store *model.Store) error {
	s.flat = map[string]any{}
	for _, name := range []string{checkpoint.EncodersFile, checkpoint.OptimizerFile, checkpoint.QueueFile} {
		s.files = append(s.files, checkpoint.File{Name: name})
	}
	for v := range store.IterVariables() {
		dtype, ok := dtypeNames[v.DType()]
		if !ok {
			return fmt.Errorf("train: %s has type %s, want float32 or int32", v.Path(), v.DType())
		}
		name := strings.TrimPrefix(v.Path(), "/")
		s.flat[name] = dtypes.MakeAnySlice(v.DType(), v.Shape().Size())
		file := &s.files[fileOf(name)]
		file.Tensors = append(file.Tensors, safetensors.Tensor{
			Name: name, DType: dtype, Shape: v.Shape().Clone().Dimensions,
			Data: dtypes.UnsafeByteSliceFromAny(s.flat[name]),
		})
	}
	return nil
}

// bytes is the size of what was taken.
func (s *snapshot) bytes() (n int64) {
	for _, f := range s.files {
		for _, t := range f.Tensors {
			n += int64(len(t.Data))
		}
	}
	return n
}

// fileOf is the index of the file that a variable is saved in: encoders, optimizer, queue.
func fileOf(name string) int {
	scope, _, _ := strings.Cut(name, "/")
	switch scope {
	case moco.QueryScope, moco.KeyScope:
		return 0
	case moco.MomentumScope:
		return 1
	}
	return 2
}

// restore sets every variable of the store from the tensors, which must be just those.
func restore(store *model.Store, all []safetensors.Tensor) error {
	if len(all) != store.NumVariables() {
		return fmt.Errorf("%w: it has %d tensors, want the %d of this configuration", run.ErrIncompatible, len(all), store.NumVariables())
	}
	for _, t := range all {
		v := store.GetVariable(t.Name)
		if v == nil {
			return fmt.Errorf("%w: it has a tensor %q that this configuration does not", run.ErrIncompatible, t.Name)
		}
		if t.DType != dtypeNames[v.DType()] || !slices.Equal(t.Shape, v.Shape().Dimensions) {
			return fmt.Errorf("%w: tensor %q is %s%v, want %s", run.ErrIncompatible, t.Name, t.DType, t.Shape, v.Shape())
		}
		value := tensors.FromShape(shapes.Make(v.DType(), t.Shape...))
		err := value.MutableBytes(func(data []byte) { copy(data, t.Data) })
		if err == nil {
			err = v.SetValue(value)
		}
		if err != nil {
			return fmt.Errorf("train: setting %s: %w", v.Path(), err)
		}
	}
	return nil
}
