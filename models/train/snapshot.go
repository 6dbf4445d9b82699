package train

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/dtypes"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/models/step"
)

// snapshot is the state of a run in host memory, which it keeps for the next time: the state of ResNet-50 is 300 MB.
type snapshot struct {
	files []checkpoint.File
	flat  map[string]any // the same memory, by tensor, as slices of the Go type
}

// take copies every variable of the state and overwrites what was taken
// before. The error is a [deviceError].
func (s *snapshot) take(from *step.Step) error {
	if s.flat == nil {
		if err := s.allocate(from); err != nil {
			return err
		}
	}
	for _, f := range s.files {
		for _, t := range f.Tensors {
			if err := from.Copy(s.flat[t.Name], t.Name); err != nil {
				return deviceError{fmt.Errorf("train: %w", err)}
			}
		}
	}
	return nil
}

func (s *snapshot) allocate(from *step.Step) error {
	s.flat = map[string]any{}
	for _, name := range []string{checkpoint.EncodersFile, checkpoint.OptimizerFile, checkpoint.QueueFile} {
		s.files = append(s.files, checkpoint.File{Name: name})
	}
	for v := range from.Store().IterVariables() {
		dtype, ok := step.DTypes[v.DType()]
		if !ok {
			return fmt.Errorf("train: %s has type %s, want float32 or int32", v.Path(), v.DType())
		}
		name := step.Name(v)
		s.flat[name] = dtypes.MakeAnySlice(v.DType(), v.Shape().Size())
		file := &s.files[fileOf(name)]
		file.Tensors = append(file.Tensors, safetensors.Tensor{
			Name: name, DType: dtype, Shape: from.Dims(v),
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
