package torchfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/format/pickle"
)

// FuzzOpen looks for files that panic the reader, or whose tensors are other than their shapes say.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"zip.pth.tar", "legacy.pth.tar", "code.pth.tar"} {
		f.Add(must.M1(os.ReadFile(filepath.Join("testdata", name))))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		root, err := read(bytes.NewReader(file), int64(len(file)))
		if err == nil {
			readTensors(t, root)
		}
	})
}

func readTensors(t *testing.T, v any) {
	switch v := v.(type) {
	case pickle.List:
		for _, e := range v {
			readTensors(t, e)
		}
	case pickle.Dict:
		for _, e := range v {
			readTensors(t, e.Value)
		}
	case *Tensor:
		read, err := v.Read("x")
		if err != nil {
			return
		}
		size := width[v.DType]
		for _, n := range v.Shape {
			size *= n
		}
		if len(read.Data) != size {
			t.Errorf("%d bytes for %s%v", len(read.Data), v.DType, v.Shape)
		}
	}
}
