package data

import (
	"archive/tar"
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Small sets in CIFAR's two formats, two images a file.
func smallCIFAR() (ten, hundred cifarSet) {
	ten, hundred = cifar10, cifar100
	ten.records = map[string]int{"train": 2, "test": 2}
	hundred.records = ten.records
	return ten, hundred
}

// cifarRecord returns a record: the label bytes, then planes whose pixel p holds base+p, base+p+1, base+p+2.
func cifarRecord(base int, labels ...byte) []byte {
	record := labels
	for plane := range 3 {
		for p := range cifarPlane {
			record = append(record, byte(base+p+plane))
		}
	}
	return record
}

// cifar10Train returns the five files of CIFAR-10's training images, labels 0..9 in order.
func cifar10Train() map[string][]byte {
	files := map[string][]byte{}
	for f, name := range cifar10.files["train"] {
		files[name] = slices.Concat(cifarRecord(2*f, byte(2*f)), cifarRecord(2*f+1, byte(2*f+1)))
	}
	return files
}

func tarball(t *testing.T, files map[string][]byte, order ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if order == nil {
		order = slices.Sorted(maps.Keys(files))
	}
	for _, name := range order {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped(t, b.Bytes())
}

func inFolder(folder string, files map[string][]byte) map[string][]byte {
	moved := map[string][]byte{}
	for name, content := range files {
		moved[folder+"/"+name] = content
	}
	return moved
}

func TestCIFAR10ReadsFolderFilesAndArchive(t *testing.T) {
	ten, _ := smallCIFAR()
	files := cifar10Train()
	packed := inFolder("cifar-10-batches-bin", files)
	packed["cifar-10-batches-bin/readme.html"] = []byte("<html>")
	reversed := slices.Sorted(maps.Keys(packed))
	slices.Reverse(reversed)
	for name, there := range map[string]map[string][]byte{
		"folder":  inFolder("cifar-10-batches-bin", files),
		"files":   files,
		"archive": {"cifar-10-binary.tar.gz": tarball(t, packed, reversed...)},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ten.open(folder(t, there), "train")
			if err != nil {
				t.Fatal(err)
			}
			if s.N != 10 || s.Size != 32 || s.Channels != 3 || !slices.Equal(s.Labels, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
				t.Fatalf("got N %d, %dx%d, labels %v, want 10, 32x3, 0 to 9", s.N, s.Size, s.Channels, s.Labels)
			}
			for i := range s.N {
				for _, p := range []int{0, 1, 31, 32, 1023} {
					got, want := s.Image(i)[3*p:][:3], []uint8{uint8(i + p), uint8(i + p + 1), uint8(i + p + 2)}
					if !slices.Equal(got, want) {
						t.Fatalf("image %d, pixel %d: got %v, want %v", i, p, got, want)
					}
				}
			}
		})
	}
}

// Of CIFAR-100's two labels the second, fine one counts.
func TestCIFAR100TakesFineLabels(t *testing.T) {
	_, hundred := smallCIFAR()
	s, err := hundred.open(folder(t, map[string][]byte{"test.bin": slices.Concat(cifarRecord(0, 19, 99), cifarRecord(9, 3, 41))}), "test")
	if err != nil {
		t.Fatal(err)
	}
	if s.Classes[s.Labels[0]] != "worm" || s.Classes[s.Labels[1]] != "lawn_mower" || s.Image(1)[0] != 9 {
		t.Errorf("got labels %v and first pixel %d, want 99, 41 and 9", s.Labels, s.Image(1)[0])
	}
}

func TestBadCIFARFiles(t *testing.T) {
	good := slices.Concat(cifarRecord(0, 0), cifarRecord(1, 1))
	test := func(content []byte) map[string][]byte { return map[string][]byte{"test_batch.bin": content} }
	archive := func(content []byte) map[string][]byte {
		return map[string][]byte{"cifar-10-binary.tar.gz": tarball(t, inFolder("cifar-10-batches-bin", test(content)))}
	}
	for name, c := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"short":             {test(good[:len(good)-1]), "test_batch.bin: file too short: got 6145 bytes of records, want 6146"},
		"trailing":          {test(append(slices.Clone(good), 1)), "file too long: got trailing bytes, want 6146"},
		"label":             {test(slices.Concat(cifarRecord(0, 0), cifarRecord(1, 10))), "got label 10 at record 1, want 0 to 9"},
		"short in archive":  {archive(good[:6000]), "test_batch.bin: got 6000 bytes, want 6146"},
		"long in archive":   {archive(append(slices.Clone(good), 1)), "test_batch.bin: got 6147 bytes, want 6146"},
		"no member":         {map[string][]byte{"cifar-10-binary.tar.gz": tarball(t, map[string][]byte{"other": good})}, "no member test_batch.bin"},
		"archive cut":       {map[string][]byte{"cifar-10-binary.tar.gz": archive(good)["cifar-10-binary.tar.gz"][:100]}, "want"},
		"no archive":        {map[string][]byte{"cifar-10-binary.tar.gz": bytes.Repeat([]byte("<html>404</html>"), 64)}, "want a tar.gz archive"},
		"CIFAR-100's files": {test(slices.Concat(cifarRecord(0, 0, 0), cifarRecord(1, 1, 1))), "file too long"},
	} {
		t.Run(name, func(t *testing.T) {
			ten, _ := smallCIFAR()
			dir := folder(t, c.files)
			_, err := ten.open(dir, "test")
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got error %v, want ErrCorrupt", err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %q, want it to name the file and %q", err, c.want)
			}
		})
	}
}

// A large member in front of the wanted one is not unpacked to get past it.
func TestTarBombStaysPacked(t *testing.T) {
	bomb := map[string][]byte{"a": make([]byte, 8<<20), "test_batch.bin": slices.Concat(cifarRecord(0, 0), cifarRecord(1, 1))}
	ten, _ := smallCIFAR()
	_, err := ten.open(folder(t, map[string][]byte{"cifar-10-binary.tar.gz": tarball(t, bomb)}), "test")
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("got error %v, want ErrCorrupt: the members hold more than the set", err)
	}
}

func TestMissingCIFARFilesAreListed(t *testing.T) {
	files := cifar10Train()
	delete(files, "data_batch_4.bin")
	ten, _ := smallCIFAR()
	_, err := ten.open(folder(t, files), "train")
	if !errors.Is(err, ErrMissing) {
		t.Fatalf("got error %v, want ErrMissing", err)
	}
	for _, want := range []string{"data_batch_4.bin", "cifar-10-batches-bin/", "cifar-10-binary.tar.gz", "mocotpu data get cifar10"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to name %s", err, want)
		}
	}
}

// torchvision's folder holds the version for Python, which is called by its name, with what to do, by whatever it is found.
func TestPythonCIFAR(t *testing.T) {
	for name, files := range map[string][]string{
		"cifar10": {"cifar-10-batches-py/data_batch_1"}, "cifar10 archive": {"cifar-10-python.tar.gz"}, "cifar10 within": {"data_batch_1", "test_batch", "batches.meta"},
		"cifar100": {"cifar-100-python/train"}, "cifar100 archive": {"cifar-100-python.tar.gz"}, "cifar100 within": {"train", "test", "meta"},
	} {
		set, _, _ := strings.Cut(name, " ")
		content := map[string][]byte{}
		for _, file := range files {
			content[file] = nil
		}
		dir := folder(t, content)
		_, err := Open(set, dir, "train", Options{})
		want := "it holds the Python version of " + set + ", want the binary version: mocotpu data get " + set + " downloads it"
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want ErrMissing, %s and %q", name, err, dir, want)
		}
		if got := Published(dir); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The files of a set are known by their names; others are not.
func TestPublished(t *testing.T) {
	for file, set := range map[string]string{
		"cifar-10-batches-bin/test_batch.bin": "cifar10", "test_batch.bin": "cifar10", "cifar-10-binary.tar.gz": "cifar10", "test.bin": "cifar100",
		"train-images-idx3-ubyte": "mnist", "MNIST/raw/t10k-images-idx3-ubyte.gz": "mnist", "emnist-letters-train-images-idx3-ubyte.gz": "emnist/letters", "gzip.zip": "emnist",
	} {
		dir := folder(t, map[string][]byte{file: nil})
		kind, _, _ := strings.Cut(set, "/")
		want := "it holds the files of " + set + ", which are read by the set's name: data doctor " + set + " --data-dir=" + dir + ", or train --data=" + set + " with the files in data/" + kind
		if got := Published(dir); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	if got := Published(folder(t, map[string][]byte{"train": nil, "test": nil, "data_batch_1": nil, "meta.json": nil})); got != "" {
		t.Errorf("%q of files of no set", got)
	}
}
