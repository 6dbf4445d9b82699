package data

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// cifarSet is a set of Krizhevsky's in its binary version: records of labels and 3072 pixels, the red plane first, then green and blue, each row by row.
type cifarSet struct {
	name    string
	folder  string
	archive string
	files   map[string][]string // by split
	// records holds the images in one file of a split.
	records map[string]int
	// labels are the label bytes of a record; the last is the class (CIFAR-100 puts its 20 coarse classes first).
	labels  int
	classes []string
	// python is the version that torchvision downloads, which is not read: pickles of arrays.
	python pythonFiles
}

type pythonFiles struct {
	folder, archive string
	files           []string // some of the folder's
}

var cifar10 = cifarSet{
	name:    "cifar10",
	folder:  "cifar-10-batches-bin",
	archive: "cifar-10-binary.tar.gz",
	files: map[string][]string{
		"train": {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
		"test":  {"test_batch.bin"},
	},
	records: map[string]int{"train": 10000, "test": 10000},
	labels:  1,
	python:  pythonFiles{"cifar-10-batches-py", "cifar-10-python.tar.gz", []string{"data_batch_1", "test_batch"}},
	classes: strings.Fields("airplane automobile bird cat deer dog frog horse ship truck"),
}

var cifar100 = cifarSet{
	name:    "cifar100",
	folder:  "cifar-100-binary",
	archive: "cifar-100-binary.tar.gz",
	files:   map[string][]string{"train": {"train.bin"}, "test": {"test.bin"}},
	records: map[string]int{"train": 50000, "test": 10000},
	labels:  2,
	python:  pythonFiles{"cifar-100-python", "cifar-100-python.tar.gz", []string{"train", "test", "meta"}},
	classes: strings.Fields(`apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
		caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl
		hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree
		orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea
		seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
		tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm`),
}

const (
	cifarSize   = 32
	cifarPlane  = cifarSize * cifarSize
	cifarPixels = 3 * cifarPlane
)

func (c cifarSet) open(dir, split string) (*Set, error) {
	names, records := c.files[split], c.records[split]
	contents, err := c.read(dir, names, int64(records)*int64(c.labels+cifarPixels))
	if err != nil {
		return nil, err
	}
	n := records * len(names)
	s := &Set{Name: c.name, N: n, Size: cifarSize, Channels: 3, Pixels: make([]uint8, n*cifarPixels), Labels: make([]int32, n), Classes: c.classes}
	for f, content := range contents {
		for i := range records {
			record := content.bytes[i*(c.labels+cifarPixels):][:c.labels+cifarPixels]
			label := record[c.labels-1]
			if int(label) >= len(c.classes) {
				return nil, corrupt(content.name, "got label %d at record %d, want 0 to %d", label, i, len(c.classes)-1)
			}
			s.Labels[f*records+i] = int32(label)
			interleave(s.Image(f*records+i), record[c.labels:])
		}
	}
	return s, nil
}

// cifarContent is what one file holds.
type cifarContent struct {
	name  string
	bytes []byte
}

// read returns the contents of the named files, each of size bytes, from the folder of the unpacked archive, from dir itself, or from the archive.
func (c cifarSet) read(dir string, names []string, size int64) ([]cifarContent, error) {
	for _, folder := range []string{c.folder, ""} {
		contents, err := readFiles(filepath.Join(dir, folder), names, size)
		if !errors.Is(err, fs.ErrNotExist) {
			return contents, err
		}
	}
	contents, err := readTar(filepath.Join(dir, c.archive), names, size, c.archiveLen())
	if errors.Is(err, fs.ErrNotExist) && c.isPython(dir) {
		return nil, fmt.Errorf("data: %s: %s: %w", dir, c.wantBinary(), ErrMissing)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(c.name, dir, []string{path.Join(c.folder, strings.Join(names, " ")), strings.Join(names, " "), c.archive})
	}
	return contents, err
}

// archiveLen returns the most bytes that the unpacked archive holds: every record, and 1 MiB for headers and text files.
func (c cifarSet) archiveLen() int64 {
	records := 0
	for split, files := range c.files {
		records += len(files) * c.records[split]
	}
	return int64(records)*int64(c.labels+cifarPixels) + 1<<20
}

func readFiles(dir string, names []string, size int64) ([]cifarContent, error) {
	var contents []cifarContent
	for _, name := range names {
		src, err := openSource(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		content, err := readExactly(src.name, src, size)
		src.close()
		if err != nil {
			return nil, err
		}
		contents = append(contents, cifarContent{src.name, content})
	}
	return contents, nil
}

// readTar reads the named members, each of size bytes. It unpacks at most most bytes, whatever the headers say, so that a decompression bomb does no harm.
func readTar(archive string, names []string, size, most int64) ([]cifarContent, error) {
	if _, err := os.Stat(archive); err != nil {
		return nil, err
	}
	src, err := openSource(archive)
	if err != nil {
		return nil, err
	}
	defer src.close()
	found := map[string]cifarContent{}
	for t := tar.NewReader(io.LimitReader(src, most)); len(found) < len(names); {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if errors.Is(err, tar.ErrHeader) {
			return nil, corrupt(archive, "got %v, want a tar.gz archive", err)
		}
		if err != nil {
			return nil, readError(archive, err)
		}
		base := path.Base(h.Name)
		name := archive + ":" + h.Name
		if !slices.Contains(names, base) {
			continue
		}
		if h.Size != size {
			return nil, corrupt(name, "got %d bytes, want %d", h.Size, size)
		}
		content, err := readExactly(name, t, size)
		if err != nil {
			return nil, err
		}
		found[base] = cifarContent{name, content}
	}
	var contents []cifarContent
	for _, name := range names {
		content, ok := found[name]
		if !ok {
			return nil, corrupt(archive, "no member %s", name)
		}
		contents = append(contents, content)
	}
	return contents, nil
}

func readExactly(name string, r io.Reader, size int64) ([]byte, error) {
	content := make([]byte, size)
	if err := readFull(name, r, content, "records"); err != nil {
		return nil, err
	}
	return content, wantEnd(name, r, size)
}

// interleave turns planes [3, 32, 32] into pixels [32, 32, 3].
func interleave(dst, planes []uint8) {
	for i := range cifarPlane {
		dst[3*i] = planes[i]
		dst[3*i+1] = planes[cifarPlane+i]
		dst[3*i+2] = planes[2*cifarPlane+i]
	}
}
