package torchfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
)

// float32s are little-endian; all values used are exact.
func float32s(values ...float32) []byte {
	var b bytes.Buffer
	for _, v := range values {
		b.Write(map[float32][]byte{0: {0, 0, 0, 0}, 0.25: {0, 0, 0x80, 0x3e}}[v])
	}
	return b.Bytes()
}

// want is what testdata/gen_torch.py saved, with the tensors' data in place.
func want() any {
	arange := func(dims []int, elements ...int) safetensors.Tensor {
		t := safetensors.Tensor{DType: "F32", Shape: dims}
		for _, i := range elements {
			t.Data = append(t.Data, arangeBytes[4*i:4*i+4]...)
		}
		return t
	}
	weight := arange([]int{2, 6}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	part := arange([]int{2, 3}, 8, 9, 10, 14, 15, 16)
	turned := arange([]int{6, 4}, 0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 4, 10, 16, 22, 5, 11, 17, 23)
	state := pickle.Dict{
		{Key: "weight", Value: weight},
		{Key: "part", Value: part},
		{Key: "turned", Value: turned},
		{Key: "count", Value: safetensors.Tensor{DType: "I64", Shape: []int{}, Data: []byte{0, 0, 0, 0, 0, 1, 0, 0}}},
		{Key: "half", Value: safetensors.Tensor{DType: "BF16", Shape: []int{2}, Data: []byte{0xc0, 0x3f, 0, 0xc0}}},
		{Key: "parameter", Value: safetensors.Tensor{DType: "F32", Shape: []int{1}, Data: float32s(0.25)}},
	}
	group := pickle.Dict{{Key: "lr", Value: 0.03}, {Key: "nesterov", Value: false}, {Key: "params", Value: pickle.List{0, 1}}}
	return pickle.Dict{
		{Key: "epoch", Value: 200},
		{Key: "arch", Value: "resnet50"},
		{Key: "state_dict", Value: state},
		{Key: "optimizer", Value: pickle.Dict{{Key: "state", Value: pickle.Dict{}}, {Key: "param_groups", Value: pickle.List{group}}}},
	}
}

// arangeBytes are the float32 values 0 to 23.
var arangeBytes = func() []byte {
	var b []byte
	for _, high := range []uint16{
		0, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0, 0x4100, 0x4110, 0x4120, 0x4130,
		0x4140, 0x4150, 0x4160, 0x4170, 0x4180, 0x4188, 0x4190, 0x4198, 0x41a0, 0x41a8, 0x41b0, 0x41b8,
	} {
		b = append(b, 0, 0, byte(high), byte(high>>8))
	}
	return b
}()

// readAll replaces the tensors of a value by what they read.
func readAll(t *testing.T, v any) any {
	t.Helper()
	switch v := v.(type) {
	case pickle.Dict:
		for i := range v {
			v[i].Value = readAll(t, v[i].Value)
		}
	case *Tensor:
		read, err := v.Read("")
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
	return v
}

// Both formats of torch.save give back what was saved, views and shared storages, too.
func TestReadsTorch(t *testing.T) {
	for _, name := range []string{"zip.pth.tar", "legacy.pth.tar"} {
		f, err := Open(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, f.Root); !reflect.DeepEqual(got, want()) {
			t.Errorf("%s: read %+v\nwant %+v", name, got, want())
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestThereAndBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var written bytes.Buffer
	if err := Write(&written, want()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, written.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := readAll(t, f.Root); !reflect.DeepEqual(got, want()) {
		t.Errorf("read %+v\nwant %+v", got, want())
	}
	for _, tensor := range []safetensors.Tensor{
		{Name: "unsigned", DType: "U64", Shape: []int{1}, Data: make([]byte, 8)},
		{Name: "short", DType: "F32", Shape: []int{2}, Data: make([]byte, 4)},
	} {
		if err := Write(&written, pickle.List{tensor}); err == nil {
			t.Errorf("%s was written", tensor.Name)
		}
	}
}

func TestRefuses(t *testing.T) {
	if _, err := Open("testdata/code.pth.tar"); !errors.Is(err, pickle.ErrRefused) {
		t.Errorf("a function in the file: error %v, want ErrRefused", err)
	}
	if _, err := Open("testdata/gen_torch.py"); !errors.Is(err, ErrFormat) {
		t.Errorf("a Python program: error %v, want ErrFormat", err)
	}
}

// Truncated and spoilt files are errors, or read as something else; nothing panics, and nothing is allocated on the
// word of a file of a few kilobytes.
func TestDamaged(t *testing.T) {
	try := func(content []byte) error {
		value, err := read(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return err
		}
		root, _ := value.(pickle.Dict)
		state, _ := root.Get("state_dict")
		dict, _ := state.(pickle.Dict)
		for _, e := range dict {
			if tensor, ok := e.Value.(*Tensor); ok {
				if _, err := tensor.Read(""); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, name := range []string{"zip.pth.tar", "legacy.pth.tar"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if err := try(whole[:n]); err == nil {
				t.Fatalf("%s cut to %d of %d bytes was read", name, n, len(whole))
			}
		}
		for i := range whole {
			spoilt := slices.Clone(whole)
			spoilt[i] ^= 0x41
			try(spoilt)
		}
	}
}

// What a tensor claims about its storage is checked before anything is read.
func TestTensorBounds(t *testing.T) {
	storages := func(any) (*storage, error) { return &storage{dtype: "F32", count: 12}, nil }
	tuple := func(values ...any) pickle.Tuple { return values }
	for _, test := range []struct {
		name          string
		offset        any
		shape, stride pickle.Tuple
		ok            bool
	}{
		{"whole", 0, tuple(3, 4), tuple(4, 1), true},
		{"scalar", 11, tuple(), tuple(), true},
		{"empty", 0, tuple(0, 4), tuple(4, 1), true},
		{"last row", 8, tuple(1, 4), tuple(4, 1), true},
		{"offset", 1, tuple(3, 4), tuple(4, 1), false},
		{"scalar beyond", 12, tuple(), tuple(), false},
		{"negative offset", -1, tuple(2), tuple(1), false},
		{"negative", 0, tuple(-1, 4), tuple(4, 1), false},
		{"stride", 0, tuple(3, 4), tuple(5, 1), false},
		{"negative stride", 11, tuple(12), tuple(-1), false},
		{"expanded", 0, tuple(4, 4), tuple(0, 1), false},
		{"ranks", 0, tuple(3, 4), tuple(1), false},
		{"huge", 0, tuple(1<<62, 1<<62), tuple(4, 1), false},
		{"huge stride", 0, tuple(2, 2), tuple(1<<62, 1<<62), false},
		{"text", "0", tuple(3), tuple(1), false},
	} {
		args := tuple(pickle.Persistent{}, test.offset, test.shape, test.stride)
		if _, err := newTensor(args, storages); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error %v, want one: %v", test.name, err, !test.ok)
		}
	}
}
