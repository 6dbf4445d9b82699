package data

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// idxBytes returns an IDX file.
func idxBytes(magic uint32, dims []uint32, elements []byte) []byte {
	file := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		file = binary.BigEndian.AppendUint32(file, d)
	}
	return append(file, elements...)
}

// idxPair returns an image file of n images, byte b of image i being 7*i+b, and a label file.
func idxPair(labels ...byte) (images, labelFile []byte) {
	n := len(labels)
	pixels := make([]byte, n*784)
	for i := range pixels {
		pixels[i] = byte(7*(i/784) + i%784)
	}
	return idxBytes(idxImages, []uint32{uint32(n), 28, 28}, pixels), idxBytes(idxLabels, []uint32{uint32(n)}, labels)
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// folder writes files into a new folder and returns it.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMNISTReadsPlainGzipAndTorchvisionsFolder(t *testing.T) {
	images, labels := idxPair(5, 0, 9)
	for name, files := range map[string]map[string][]byte{
		"plain":       {"t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels},
		"gz":          {"t10k-images-idx3-ubyte.gz": zipped(t, images), "t10k-labels-idx1-ubyte.gz": zipped(t, labels)},
		"gz, unnamed": {"t10k-images-idx3-ubyte": zipped(t, images), "t10k-labels-idx1-ubyte": labels},
		"torchvision": {"MNIST/raw/t10k-images-idx3-ubyte": images, "MNIST/raw/t10k-labels-idx1-ubyte": labels},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open("mnist", folder(t, files), "test", Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Name != "mnist" || s.N != 3 || s.Size != 28 || s.Channels != 1 || !slices.Equal(s.Labels, []int32{5, 0, 9}) {
				t.Errorf("got %s, N %d, %dx%d, labels %v, want mnist, 3, 28x1, [5 0 9]", s.Name, s.N, s.Size, s.Channels, s.Labels)
			}
			if !slices.Equal(s.Pixels, images[16:]) {
				t.Error("the pixels are not the file's")
			}
		})
	}
}

func TestOpenKeepsTheFirstN(t *testing.T) {
	images, labels := idxPair(5, 0, 9)
	dir := folder(t, map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels})
	s, err := Open("mnist", dir, "train", Options{N: 2})
	if err != nil || s.N != 2 || len(s.Pixels) != 2*784 || len(s.Labels) != 2 {
		t.Errorf("got %+v, %v, want 2 images", s, err)
	}
	if _, err := Open("mnist", dir, "train", Options{N: 4}); err == nil {
		t.Error("got no error for 4 of 3 images")
	}
}

// EMNIST's files hold columns; letters counts its labels from 1.
func TestEMNISTPutsImagesAndLabelsRight(t *testing.T) {
	images, labels := idxPair(1, 26)
	archive := new(bytes.Buffer)
	z := zip.NewWriter(archive)
	for name, content := range map[string][]byte{"images-idx3": images, "labels-idx1": labels} {
		w, err := z.Create("gzip/emnist-letters-test-" + name + "-ubyte.gz")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(zipped(t, content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string][]byte{
		"plain":   {"emnist-letters-test-images-idx3-ubyte": images, "emnist-letters-test-labels-idx1-ubyte": labels},
		"folder":  {"gzip/emnist-letters-test-images-idx3-ubyte.gz": zipped(t, images), "gzip/emnist-letters-test-labels-idx1-ubyte.gz": zipped(t, labels)},
		"archive": {"gzip.zip": archive.Bytes()},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open("emnist/letters", folder(t, files), "test", Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Classes[s.Labels[0]] != "A" || s.Classes[s.Labels[1]] != "Z" {
				t.Errorf("got labels %v, want A and Z", s.Labels)
			}
			for _, at := range [][2]int{{0, 0}, {0, 27}, {3, 20}, {27, 5}} {
				y, x := at[0], at[1]
				if got, want := s.Image(1)[y*28+x], images[16+784+x*28+y]; got != want {
					t.Errorf("pixel at row %d, column %d: got %d, want %d, the file's row %d, column %d", y, x, got, want, x, y)
				}
			}
		})
	}
	s, err := Open("emnist", folder(t, map[string][]byte{"emnist-byclass-train-images-idx3-ubyte": images, "emnist-byclass-train-labels-idx1-ubyte": labels}), "train", Options{})
	if err != nil || s.Name != "emnist/byclass" || s.Classes[s.Labels[1]] != "Q" {
		t.Errorf("emnist: got %v, %v, want emnist/byclass with a Q", s, err)
	}
}

func TestBadIDXFiles(t *testing.T) {
	images, labels := idxPair(5, 0, 9)
	bomb := zipped(t, idxBytes(idxImages, []uint32{3, 28, 28}, make([]byte, 32<<20)))
	damaged := zipped(t, images)
	damaged[len(damaged)-6] ^= 1 // in the checksum
	for _, c := range []struct {
		name           string
		images, labels []byte
		want           string
	}{
		{"label file for images", labels, labels, "images-idx3-ubyte: got magic number 0x00000801, want 0x00000803 (an image file): it is a label file"},
		{"image file for labels", images, images, "labels-idx1-ubyte: got magic number 0x00000803, want 0x00000801 (a label file): it is an image file"},
		{"no IDX file", []byte("<html>Not found</html>"), labels, "got magic number 0x3c68746d"},
		{"empty", nil, labels, "got 0 bytes of the magic number, want 4"},
		{"header cut", images[:10], labels, "got 6 bytes of dimensions, want 12"},
		{"short", images[:len(images)-1], labels, "file too short: got 2351 bytes of elements [3 28 28], want 2352"},
		{"short gz", zipped(t, images[:len(images)-1]), labels, "file too short: got 2351"},
		{"trailing bytes", append(slices.Clone(images), 0), labels, "file too long: got trailing bytes, want 2368"},
		{"gz bomb", bomb, labels, "file too long: got trailing bytes, want 2368"},
		{"gz cut", zipped(t, images)[:40], labels, "want"},
		{"gz damaged", damaged, labels, "want a whole archive"},
		{"promise of 3 TiB", idxBytes(idxImages, []uint32{1<<32 - 1, 28, 28}, nil), labels, "file too short: it holds 16 bytes at most, want 3367254359"},
		{"promise of 2^96", idxBytes(idxImages, []uint32{1 << 31, 1 << 31, 1 << 31}, nil), labels, "file too short"},
		{"gz promise", zipped(t, idxBytes(idxImages, []uint32{1 << 31, 28, 28}, nil)), labels, "file too short"},
		{"no images", idxBytes(idxImages, []uint32{0, 28, 28}, nil), labels, "[0 28 28]"},
		{"other size", idxBytes(idxImages, []uint32{3, 8, 8}, make([]byte, 192)), labels, "got images of 8x8 pixels, want 28x28"},
		{"counts", images, idxBytes(idxLabels, []uint32{2}, []byte{1, 2}), "got 2 labels, want 3"},
		{"label out of range", images, idxBytes(idxLabels, []uint32{3}, []byte{1, 10, 2}), "got label 10 at 1, want 0 to 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, map[string][]byte{"train-images-idx3-ubyte": c.images, "train-labels-idx1-ubyte": c.labels})
			_, err := Open("mnist", dir, "train", Options{})
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got error %v, want ErrCorrupt", err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %q, want it to name the file and %q", err, c.want)
			}
		})
	}
}

func TestBadArchivesOfEMNIST(t *testing.T) {
	empty := new(bytes.Buffer)
	if err := zip.NewWriter(empty).Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"no member": {empty.Bytes(), "no member emnist-byclass-train-images-idx3-ubyte.gz"},
		"no zip":    {[]byte("not a zip file"), "want a whole archive"},
	} {
		_, err := Open("emnist", folder(t, map[string][]byte{"gzip.zip": c.archive}), "train", Options{})
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want ErrCorrupt and %q", name, err, c.want)
		}
	}
}

func TestMissingIDXFilesAreListed(t *testing.T) {
	images, _ := idxPair(1)
	dir := folder(t, map[string][]byte{"train-images-idx3-ubyte": images})
	_, err := Open("mnist", dir, "train", Options{})
	if !errors.Is(err, ErrMissing) {
		t.Fatalf("got error %v, want ErrMissing", err)
	}
	for _, want := range []string{"train-labels-idx1-ubyte,", "train-labels-idx1-ubyte.gz", "MNIST/raw/train-labels-idx1-ubyte", dir} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to name %s", err, want)
		}
	}
}

// Whatever the bytes, the reader returns a consistent file or ErrCorrupt, and takes no more memory than the bytes could fill.
func FuzzReadIDX(f *testing.F) {
	images, labels := idxPair(1, 2)
	for _, seed := range [][]byte{images, labels, images[:20], append(slices.Clone(labels), 1), idxBytes(idxImages, []uint32{1 << 31, 1 << 31, 1 << 31}, nil), nil} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, file []byte, wantImages bool) {
		want := uint32(idxLabels)
		if wantImages {
			want = idxImages
		}
		r := bytes.NewReader(file)
		dims, elements, err := readIDX("fuzz", r, int64(len(file)), want)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got error %v, want ErrCorrupt", err)
			}
			return
		}
		size := 1
		header := idxBytes(want, nil, nil)
		for _, d := range dims {
			size *= d
			header = binary.BigEndian.AppendUint32(header, uint32(d))
		}
		if rest, _ := io.ReadAll(r); size != len(elements) || len(rest) != 0 || !bytes.Equal(append(header, elements...), file) {
			t.Fatalf("dims %v with %d elements and %d bytes left don't give the file of %d bytes", dims, len(elements), len(rest), len(file))
		}
	})
}
