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
	dict, ok := f.Root.(pickle.Dict)
	for _, key := range []string{stateDictKey, "model"} {
		if inner, found := dict.Get(key); found {
			dict, ok = inner.(pickle.Dict)
			break
		}
	}
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
