package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/janpfeifer/must"
)

// FuzzIDX looks for files that panic the reader, or make it return other than what the header says.
func FuzzIDX(f *testing.F) {
	image := []byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6}
	f.Add(image, true)
	f.Add([]byte{0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9}, false)
	f.Add(append([]byte{0, 0, 8, 3}, bytes.Repeat([]byte{0xff}, 12)...), true)
	f.Fuzz(func(t *testing.T, file []byte, images bool) {
		want := uint32(idxLabels)
		if images {
			want = idxImages
		}
		dims, elements, err := readIDX("fuzz", bytes.NewReader(file), int64(len(file)), want)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("error %v, want ErrCorrupt", err)
			}
			return
		}
		n := 1
		for i, d := range dims {
			if d != int(binary.BigEndian.Uint32(file[4+4*i:])) {
				t.Errorf("dimensions %v, want those of the header", dims)
			}
			n *= d
		}
		if len(elements) != n || len(elements) > len(file) {
			t.Errorf("%d elements of dimensions %v from %d bytes", len(elements), dims, len(file))
		}
	})
}

// FuzzCIFAR has a file stand for a batch, plain or compressed, and for the archive.
func FuzzCIFAR(f *testing.F) {
	ten, hundred := smallCIFAR()
	batch := slices.Concat(cifarRecord(0, 1), cifarRecord(1, 9))
	f.Add(batch)
	f.Add(slices.Concat(cifarRecord(0, 19, 1), cifarRecord(1, 3, 99)))
	f.Add(compressed(batch))
	f.Add(compressed(archived("cifar-10-batches-bin/test_batch.bin", batch)))
	dir := f.TempDir()
	names := []string{"test_batch.bin", "test.bin", ten.archive, hundred.archive}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, name := range names {
			must.M(os.WriteFile(filepath.Join(dir, name), file, 0o644))
			for _, c := range []cifarSet{ten, hundred} {
				s, err := c.open(dir, "test")
				switch {
				case err == nil && (s.N != 2 || len(s.Pixels) != 2*cifarPixels || int(slices.Max(s.Labels)) >= len(s.Classes)):
					t.Errorf("%s as %s: %d images, %d bytes, labels %v, want those of 2 images", name, c.name, s.N, len(s.Pixels), s.Labels)
				case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrMissing):
					t.Errorf("%s as %s: error %v, want ErrCorrupt or ErrMissing", name, c.name, err)
				}
			}
			must.M(os.Remove(filepath.Join(dir, name)))
		}
	})
}

func compressed(b []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	must.M1(w.Write(b))
	must.M(w.Close())
	return packed.Bytes()
}

func archived(name string, content []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	must.M(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}))
	must.M1(w.Write(content))
	must.M(w.Close())
	return b.Bytes()
}
