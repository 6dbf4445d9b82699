package npy

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
)

// numpyHeader is what NumPy 2.4 writes: numpy.save of zeros((7, 4, 4, 3), uint8).
const numpyHeader = "\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (7, 4, 4, 3), }" +
	"                                                    \n"

func TestReadsAndWritesNumPysHeader(t *testing.T) {
	want := Header{Type: Uint8, Shape: []int{7, 4, 4, 3}, Offset: 128}
	got, err := ReadHeader(strings.NewReader(numpyHeader))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v, want %+v", got, err, want)
	}
	if text := string(want.Encode()); text != numpyHeader {
		t.Errorf("got %q, want NumPy's %q", text, numpyHeader)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, h := range []Header{
		{Type: Float32, Shape: []int{1281167}, Offset: 128},
		{Type: Int32, Shape: []int{0}, Offset: 128},
		{Type: Uint8, Shape: []int{1 << 40, 256, 256, 3}, Offset: 128},
	} {
		text := h.Encode()
		got, err := ReadHeader(bytes.NewReader(text))
		if err != nil || !reflect.DeepEqual(got, h) || len(text) != HeaderLen {
			t.Errorf("%q: got %+v, error %v, want %+v", text, got, err, h)
		}
	}
}

func TestRefusesOtherHeaders(t *testing.T) {
	header := func(version, text string) string {
		return "\x93NUMPY" + version + string([]byte{byte(len(text)), 0}) + text
	}
	for text, want := range map[string]string{
		"":                                  "too short: got 0 bytes",
		"PK\x03\x04 an npz archive":         "want a file that starts with",
		header("\x09\x00", "{}"):            "got version 9",
		header("\x01\x00", "{}"):            "not all of descr",
		numpyHeader[:60]:                    "too short",
		header("\x01\x00", "[1, 2]"):        "no dictionary",
		"\x93NUMPY\x02\x00\xff\xff\xff\xff": "want at most 4096",
		strings.Replace(numpyHeader, "|u1", "<f8", 1):     "an element type other",
		strings.Replace(numpyHeader, "False", "True ", 1): "fortran_order",
		strings.Replace(numpyHeader, "(7", "(-", 1):       "no shape",
		strings.Replace(numpyHeader, "shape", "descr", 1): "a key twice",
	} {
		if _, err := ReadHeader(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", text, err, want)
		}
	}
}

func TestBytesDoNotOverflow(t *testing.T) {
	h := Header{Type: Uint8, Shape: []int{1 << 40, 1 << 40}}
	if got := h.Bytes(); got != math.MaxInt64 {
		t.Errorf("got %d, want the largest number", got)
	}
	if got := (Header{Type: Float32, Shape: []int{3, 0}}).Bytes(); got != 0 {
		t.Errorf("got %d bytes of nothing, want 0", got)
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add([]byte(numpyHeader))
	f.Add([]byte("\x93NUMPY\x03\x00\x40\x00\x00\x00{'shape': (3,), \"descr\": '<f4', 'fortran_order': False}       "))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := ReadHeader(bytes.NewReader(file))
		if err != nil {
			return
		}
		if h.Bytes() < 0 || len(h.Shape) > 3 {
			return
		}
		again, err := ReadHeader(bytes.NewReader(h.Encode()))
		again.Offset = h.Offset
		if err != nil || !reflect.DeepEqual(again, h) {
			t.Errorf("%q: read as %+v, written and read as %+v, error %v", file, h, again, err)
		}
	})
}
