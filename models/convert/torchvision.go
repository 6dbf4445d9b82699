package convert

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
)

// safetensorsFormat is the encoder's own file, which has torchvision's names.
func safetensorsFormat(s Source, o Options, m *Manifest) ([]artifact, error) {
	want, err := s.Encoder.StateDict(o.DType)
	if err != nil {
		return nil, err
	}
	m.Tensors = len(want)
	return []artifact{{
		write: func(w io.Writer) error { return s.Encoder.WriteSafetensors(w, o.DType) },
		verify: func(path string) error {
			read, err := encoder.Load(path)
			if err != nil {
				return err
			}
			got, err := read.StateDict(o.DType)
			if err != nil {
				return err
			}
			return sameTensors(got, want)
		},
	}}, nil
}

// sameTensors says in what two lists of tensors differ.
func sameTensors(got, want []safetensors.Tensor) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d tensors, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Name != w.Name || g.DType != w.DType || !slices.Equal(g.Shape, w.Shape) {
			return fmt.Errorf("tensor %d is %s %s%v, want %s %s%v", i, g.Name, g.DType, g.Shape, w.Name, w.DType, w.Shape)
		}
		if !bytes.Equal(g.Data, w.Data) {
			return fmt.Errorf("tensor %s has other values", w.Name)
		}
	}
	return nil
}
