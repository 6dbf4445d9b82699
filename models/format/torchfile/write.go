package torchfile

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
)

// archiveName is the folder in the archive; torch takes any.
const archiveName = "archive"

// Write writes a value of package pickle's kinds in which a safetensors.Tensor stands for a tensor, as torch.save does.
// torch.load reads it with weights_only, too. It holds no copy of the tensors.
func Write(w io.Writer, root any) error {
	var tensors []safetensors.Tensor
	value, err := lower(root, &tensors)
	if err != nil {
		return fmt.Errorf("torchfile: %w", err)
	}
	var text bytes.Buffer
	if err := pickle.Write(&text, 2, value); err != nil {
		return fmt.Errorf("torchfile: %w", err)
	}
	archive := zip.NewWriter(w)
	add := func(name string, data []byte) {
		if err == nil {
			err = addEntry(archive, archiveName+name, data)
		}
	}
	add(pickleEntry, text.Bytes())
	add(byteOrderEntry, []byte(littleEndian))
	for i, t := range tensors {
		add(dataFolder+strconv.Itoa(i), t.Data)
	}
	add("/version", []byte("3\n"))
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		return fmt.Errorf("torchfile: %w", err)
	}
	return nil
}

// addEntry stores data as it is: torch maps such entries into memory.
func addEntry(archive *zip.Writer, name string, data []byte) error {
	size := uint64(len(data))
	w, err := archive.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data), CompressedSize64: size, UncompressedSize64: size,
	})
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// lower replaces tensors by the calls that rebuild them, and collects them.
func lower(v any, tensors *[]safetensors.Tensor) (any, error) {
	switch v := v.(type) {
	case safetensors.Tensor:
		return lowerTensor(v, tensors)
	case pickle.List:
		all, err := lowerAll(v, tensors)
		return pickle.List(all), err
	case pickle.Tuple:
		all, err := lowerAll(v, tensors)
		return pickle.Tuple(all), err
	case pickle.Dict:
		lowered := make(pickle.Dict, len(v))
		for i, e := range v {
			value, err := lower(e.Value, tensors)
			if err != nil {
				return nil, err
			}
			lowered[i] = pickle.Entry{Key: e.Key, Value: value}
		}
		return lowered, nil
	}
	return v, nil
}

func lowerAll(all []any, tensors *[]safetensors.Tensor) ([]any, error) {
	lowered := make([]any, len(all))
	for i, v := range all {
		var err error
		if lowered[i], err = lower(v, tensors); err != nil {
			return nil, err
		}
	}
	return lowered, nil
}

func lowerTensor(t safetensors.Tensor, tensors *[]safetensors.Tensor) (any, error) {
	class, ok := storages[t.DType]
	if !ok {
		return nil, fmt.Errorf("tensor %q is %s, which torch has no storage for", t.Name, t.DType)
	}
	count := len(t.Data) / width[t.DType]
	shape, stride := make(pickle.Tuple, len(t.Shape)), make(pickle.Tuple, len(t.Shape))
	step := 1
	for axis := len(t.Shape) - 1; axis >= 0; axis-- {
		shape[axis], stride[axis] = t.Shape[axis], step
		step *= t.Shape[axis]
	}
	if step != count {
		return nil, fmt.Errorf("tensor %q has %d elements, want %v", t.Name, count, t.Shape)
	}
	id := pickle.Tuple{"storage", class, strconv.Itoa(len(*tensors)), "cpu", count}
	*tensors = append(*tensors, t)
	hooks := pickle.Call{Func: orderedDict, Args: pickle.Tuple{}}
	return pickle.Call{Func: rebuildTensor, Args: pickle.Tuple{pickle.Persistent{ID: id}, 0, shape, stride, false, hooks}}, nil
}
