package npy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// An array that was cut short has the header of the rows that it got, and reads back.
func TestCloseAt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "m.npy")
	f := must.M1(os.Create(name))
	w := must.M1(NewWriter[float32](f, 1000, 2))
	must.M(w.Write([]float32{1, 2, 3}))
	if err := w.CloseAt(f); err == nil {
		t.Error("half a row was taken")
	}
	must.M(w.Write([]float32{-4}))
	must.M(w.CloseAt(f))
	must.M(f.Close())
	elements, columns, err := ReadMatrix(name)
	if err != nil || columns != 2 || !slices.Equal(elements, []float32{1, 2, 3, -4}) {
		t.Errorf("read %v in rows of %d, error %v", elements, columns, err)
	}
}

// A file that is no whole matrix is refused, whatever its header says.
func TestReadMatrixRefuses(t *testing.T) {
	dir := t.TempDir()
	matrix := func(rows, columns int) []byte { return Header{Type: Float32, Shape: []int{rows, columns}}.Encode() }
	for name, content := range map[string][]byte{
		"nothing":            nil,
		"integers":           append(Header{Type: Int32, Shape: []int{1, 1}}.Encode(), 0, 0, 0, 0),
		"a list":             append(Header{Type: Float32, Shape: []int{1}}.Encode(), 0, 0, 0, 0),
		"no columns":         matrix(4, 0),
		"cut short":          append(matrix(2, 1), 0, 0, 0, 0),
		"too long":           append(matrix(1, 1), 0, 0, 0, 0, 0),
		"a huge shape":       append(matrix(1<<40, 1<<40), 0, 0, 0, 0),
		"not NumPy's at all": []byte(strings.Repeat("x", 200)),
	} {
		path := filepath.Join(dir, "m.npy")
		must.M(os.WriteFile(path, content, 0o644))
		if _, _, err := ReadMatrix(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
	if _, _, err := ReadMatrix(dir); err == nil {
		t.Error("a folder was read")
	}
}
