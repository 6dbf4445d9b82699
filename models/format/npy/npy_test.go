package npy

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// The files are those of numpy.save, byte by byte (recorded from NumPy 2.4.6).
func TestBytes(t *testing.T) {
	var got bytes.Buffer
	matrix, err := NewWriter[float32](&got, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]float32{{0, 1, -2}, {0.5, 3, 4}} {
		if err := matrix.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := matrix.Close(); err != nil {
		t.Fatal(err)
	}
	header := "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" + strings.Repeat(" ", 58) + "\n"
	if want := header + "\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00\xc0\x00\x00\x00?\x00\x00@@\x00\x00\x80@"; got.String() != want {
		t.Errorf("wrote %q\nwant  %q", got.String(), want)
	}

	got.Reset()
	list, err := NewWriter[int32](&got, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Write([]int32{7, -1}); err != nil {
		t.Fatal(err)
	}
	header = "\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }" + strings.Repeat(" ", 60) + "\n"
	if want := header + "\x07\x00\x00\x00\xff\xff\xff\xff"; got.String() != want {
		t.Errorf("wrote %q\nwant  %q", got.String(), want)
	}
}

// full fails after so many bytes.
type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

var errFull = errors.New("full")

func TestRefuses(t *testing.T) {
	if _, err := NewWriter[float32](&bytes.Buffer{}, 2, -1); err == nil {
		t.Error("a negative dimension was taken")
	}
	w, err := NewWriter[float32](&bytes.Buffer{}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]float32, 3)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "1 elements of [2 2] are missing") {
		t.Errorf("closed one short: error %v", err)
	}
	if err := w.Write(make([]float32, 2)); err == nil || !strings.Contains(err.Error(), "at most the 1") {
		t.Errorf("one too many: error %v", err)
	}
	if _, err := NewWriter[float32](&full{100}, 2, 2); !errors.Is(err, errFull) {
		t.Errorf("no room for the header: error %v", err)
	}
	if w, err = NewWriter[float32](&full{130}, 2, 2); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]float32, 4)); !errors.Is(err, errFull) {
		t.Errorf("no room for the elements: error %v", err)
	}
}
