package safetensors

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/janpfeifer/must"
)

// FuzzRead looks for files that panic the reader, or that do not come back when they are written again.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	must.M(Write(&b, []Tensor{{Name: "a", DType: "F32", Shape: []int{2}, Data: make([]byte, 8)}, {Name: "b", DType: "I64", Shape: []int{}, Data: make([]byte, 8)}},
		map[string]string{"k": "v"}))
	f.Add(b.Bytes())
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		tensors, metadata, err := read(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Write(&again, tensors, metadata); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		second, _, err := read(&again, int64(again.Len()))
		if err != nil || len(second) != len(tensors) {
			t.Fatalf("%d tensors, error %v, want %d", len(second), err, len(tensors))
		}
		byName := map[string]Tensor{}
		for _, s := range second {
			byName[s.Name] = s
		}
		for _, want := range tensors {
			if got := byName[want.Name]; !bytes.Equal(got.Data, want.Data) || !reflect.DeepEqual(got.Shape, want.Shape) || got.DType != want.DType {
				t.Errorf("tensor %+v, want %+v", got, want)
			}
		}
	})
}
