package convert

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
)

// Load reads an encoder from whatever holds one: a run directory, a file that export or import wrote, or a file of other
// software, or a folder of timm's (see [Import], whose defaults hold). key is the key encoder beside it, of a run or of a checkpoint of MoCo,
// and nil elsewhere.
func Load(path string) (query, key *encoder.Weights, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("convert: %w", err)
	}
	if isHubFolder(path) {
		query, err := Import(path, ImportOptions{})
		return query, nil, err
	}
	if info.IsDir() {
		r, err := encoder.LoadRun(path)
		if err != nil {
			return nil, nil, err
		}
		return r.Query, r.Key, nil
	}
	query, err = encoder.Load(path)
	if err == nil {
		return query, nil, nil
	}
	tensors, foreign := readTensors(path)
	if foreign != nil {
		return nil, nil, fmt.Errorf("convert: %s: %w", path, errors.Join(err, foreign))
	}
	known, err := knownManifest(path)
	if err == nil {
		query, err = importTensors(path, tensors, known, ImportOptions{})
	}
	if other := keyTensors(tensors); err == nil && other != nil {
		key, err = importTensors(path, other, known, ImportOptions{})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("convert: %s: %w", path, err)
	}
	return query, key, nil
}

// keyPrefixes are where the key encoder stands beside the query encoder of a checkpoint.
var keyPrefixes = map[string]string{
	mocoQuery: mocoKey, "encoder_q.": "encoder_k.",
	"module.base_encoder.": "module.momentum_encoder.", "base_encoder.": "momentum_encoder.",
}

// keyTensors are the tensors of the key encoder under torchvision's names; nil where a file holds none.
func keyTensors(tensors []safetensors.Tensor) []safetensors.Tensor {
	begin := func(prefix string) bool {
		return slices.ContainsFunc(tensors, func(t safetensors.Tensor) bool { return strings.HasPrefix(t.Name, prefix) })
	}
	var found []safetensors.Tensor
	for query, key := range keyPrefixes {
		if !begin(query) || !begin(key) {
			continue
		}
		for _, t := range tensors {
			if name, ok := strings.CutPrefix(t.Name, key); ok {
				t.Name = name
				found = append(found, t)
			}
		}
		return found
	}
	return nil
}
