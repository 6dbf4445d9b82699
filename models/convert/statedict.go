package convert

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/format/torchfile"
)

// readStateDict reads the tensors of a file of torch.save: those of its "state_dict" or "model", or of its own dict.
func readStateDict(path string) ([]safetensors.Tensor, error) {
	f, err := torchfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	root, _ := f.Root.(pickle.Dict)
	for _, key := range []string{stateDictKey, "model"} {
		if inner, found := root.Get(key); found {
			return namedTensors(inner)
		}
	}
	return namedTensors(f.Root)
}

// namedTensors reads the tensors of a dict.
func namedTensors(value any) ([]safetensors.Tensor, error) {
	dict, ok := value.(pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("%w: no dict of tensors in it", ErrUnknown)
	}
	var all []safetensors.Tensor
	for _, e := range dict {
		name, isText := e.Key.(string)
		tensor, isTensor := e.Value.(*torchfile.Tensor)
		if !isText || !isTensor {
			return nil, fmt.Errorf("%w: its dict has under %.60q (a %T) a %T, want tensors by name", ErrUnknown, name, e.Key, e.Value)
		}
		t, err := tensor.Read(name)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}
