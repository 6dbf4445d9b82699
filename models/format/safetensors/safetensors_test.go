package safetensors

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// TestBytes holds the writer to the published format, byte by byte.
func TestBytes(t *testing.T) {
	var got bytes.Buffer
	err := Write(&got, []Tensor{
		{"flag", "BOOL", nil, []byte{1}},
		{"w", "F32", []int{2}, []byte{1, 2, 3, 4, 5, 6, 7, 8}},
	}, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"format":"pt"},"flag":{"dtype":"BOOL","shape":[],"data_offsets":[8,9]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	want = append(append(want, header...), 1, 2, 3, 4, 5, 6, 7, 8, 1)
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("wrote %q\nwant  %q", got.Bytes(), want)
	}
}

func TestWriteRefuses(t *testing.T) {
	tests := []struct {
		name    string
		tensors []Tensor
		want    string
	}{
		{"short data", []Tensor{{"a", "F32", []int{2}, make([]byte, 7)}}, "7 bytes of data, want 8 for F32[2]"},
		{"unknown type", []Tensor{{"a", "float32", []int{2}, make([]byte, 8)}}, `unknown type "float32"`},
		{"no name", []Tensor{{"", "U8", []int{2}, make([]byte, 2)}}, `cannot be named ""`},
		{"reserved name", []Tensor{{"__metadata__", "U8", []int{2}, make([]byte, 2)}}, "cannot be named"},
		{"twice", slices.Repeat([]Tensor{{"a", "U8", []int{2}, make([]byte, 2)}}, 2), `"a" is there twice`},
		{"negative", []Tensor{{"a", "U8", []int{-2, -1}, make([]byte, 2)}}, "shape [-2 -1]"},
		{"too large", []Tensor{{"a", "U8", []int{1 << 40, 1 << 40}, nil}}, "too large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Write(&bytes.Buffer{}, tt.tensors, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestReadRefuses: headers that lie are errors, and nothing is
// allocated on their word.
func TestReadRefuses(t *testing.T) {
	tests := []struct{ name, header, data, want string }{
		{"not JSON", `{"a"`, "", "header"},
		{"a list", `[]`, "", "header"},
		{"metadata that are not text", `{"__metadata__":{"format":1}}`, "", "__metadata__"},
		{"hole", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "xy", "at bytes 1 to 2, want from 0"},
		{"overlap", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "xy", "want from 2"},
		{"backwards", `{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,-1]}}`, "", "at bytes 0 to -1"},
		{"beyond the end", `{"a":{"dtype":"U8","shape":[9000000000000],"data_offsets":[0,9000000000000]}}`, "xy", "up to 2"},
		{"bytes left", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "xy", "1 bytes after the last tensor"},
		{"shape", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}}`, "xy", "2 bytes of data, want 4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := binary.LittleEndian.AppendUint64(nil, uint64(len(tt.header)))
			text = append(append(text, tt.header...), tt.data...)
			_, _, err := read(bytes.NewReader(text), int64(len(text)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	for _, length := range []uint64{9, 1 << 20, 1 << 63} {
		text := binary.LittleEndian.AppendUint64(nil, length)
		if _, _, err := read(bytes.NewReader(text), 8); err == nil {
			t.Errorf("header length %d in a file of 8 bytes: no error", length)
		}
	}
}

// TestReadsMetadata: files of other writers carry a free-form entry.
func TestReadsMetadata(t *testing.T) {
	header := `{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`
	text := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	text = append(append(text, header...), 'x')
	got, metadata, err := read(bytes.NewReader(text), int64(len(text)))
	if err != nil || len(got) != 1 || string(got[0].Data) != "x" || metadata["format"] != "pt" {
		t.Errorf("read %v, metadata %v, error %v", got, metadata, err)
	}
}
