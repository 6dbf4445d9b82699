package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// An IDX file (LeCun, MNIST) starts with a big-endian magic number: two zero bytes, the type (8 is uint8) and the rank; then one uint32 per dimension; then the elements.
const (
	idxLabels = 0x0801 // uint8 [N]
	idxImages = 0x0803 // uint8 [N, rows, columns]
)

// maxIDX bounds the elements of a file, in bytes: all of EMNIST has 638 million. A gzip of a megabyte can hold a gigabyte.
const maxIDX = 640 << 20

var idxKinds = map[uint32]string{idxLabels: "a label file", idxImages: "an image file"}

// readIDX reads a whole IDX file of the wanted magic from r. most is the number of bytes that r can give: a header that promises more is refused before memory is taken for it.
func readIDX(name string, r io.Reader, most int64, want uint32) (dims []int, elements []uint8, err error) {
	header := make([]byte, 4+4*(want&0xff))
	if err := readFull(name, r, header[:4], "the magic number"); err != nil {
		return nil, nil, err
	}
	if got := binary.BigEndian.Uint32(header); got != want {
		kind := ""
		if k, ok := idxKinds[got]; ok {
			kind = ": it is " + k
		}
		return nil, nil, corrupt(name, "got magic number 0x%08x, want 0x%08x (%s)%s", got, want, idxKinds[want], kind)
	}
	if err := readFull(name, r, header[4:], "dimensions"); err != nil {
		return nil, nil, err
	}
	size := int64(1)
	for i := 4; i < len(header); i += 4 {
		d := int64(binary.BigEndian.Uint32(header[i:]))
		dims = append(dims, int(d))
		if d != 0 && size > math.MaxInt64/d {
			d = math.MaxInt64 / size // enough to be refused
		}
		size *= d
	}
	if size == 0 {
		return nil, nil, corrupt(name, "got dimensions %v in the header, want none 0", dims)
	}
	if size > most {
		return nil, nil, corrupt(name, "file too short: it holds %d bytes at most, want %d for dimensions %v in the header", most, size, dims)
	}
	if size > maxIDX {
		return nil, nil, corrupt(name, "got dimensions %v in the header, %d bytes, want at most %d, more than any set published has", dims, size, maxIDX)
	}
	elements = make([]uint8, size)
	if err := readFull(name, r, elements, fmt.Sprintf("elements %v", dims)); err != nil {
		return nil, nil, err
	}
	if err := wantEnd(name, r, int64(len(header))+size); err != nil {
		return nil, nil, err
	}
	return dims, elements, nil
}

// idxSet is a set published as a pair of IDX files per split.
type idxSet struct {
	name    string
	getName string // what Get calls it
	// files are the base names, "%s" standing for images-idx3 or labels-idx1.
	files   map[string]string
	folders []string
	archive string
	classes []string
	// firstLabel is how the files call class 0.
	firstLabel int
	// transposed says that the files hold the images column by column.
	transposed bool
}

// idxSize is the height and width of every image of MNIST and EMNIST.
const idxSize = 28

func (x idxSet) open(dir, split string) (*Set, error) {
	images, imagesName, dims, err := x.read(dir, fmt.Sprintf(x.files[split], "images-idx3"), idxImages)
	if err != nil {
		return nil, err
	}
	if dims[1] != idxSize || dims[2] != idxSize {
		return nil, corrupt(imagesName, "got images of %dx%d pixels, want %dx%d", dims[1], dims[2], idxSize, idxSize)
	}
	raw, labelsName, labelDims, err := x.read(dir, fmt.Sprintf(x.files[split], "labels-idx1"), idxLabels)
	if err != nil {
		return nil, err
	}
	if labelDims[0] != dims[0] {
		return nil, corrupt(labelsName, "got %d labels, want %d, the images in %s", labelDims[0], dims[0], imagesName)
	}
	labels := make([]int32, len(raw))
	for i, l := range raw {
		label := int(l) - x.firstLabel
		if label < 0 || label >= len(x.classes) {
			return nil, corrupt(labelsName, "got label %d at %d, want %d to %d", l, i, x.firstLabel, x.firstLabel+len(x.classes)-1)
		}
		labels[i] = int32(label)
	}
	s := &Set{Name: x.name, N: dims[0], Size: idxSize, Channels: 1, Pixels: images, Labels: labels, Classes: x.classes}
	if x.transposed {
		for i := range s.N {
			transpose(s.Image(i))
		}
	}
	return s, nil
}

func (x idxSet) read(dir, base string, want uint32) (elements []uint8, name string, dims []int, err error) {
	src, lookedFor, err := findSource(dir, x.folders, base, x.archive)
	if errors.Is(err, ErrMissing) {
		return nil, "", nil, missing(x.getName, dir, lookedFor)
	}
	if err != nil {
		return nil, "", nil, err
	}
	defer src.close()
	dims, elements, err = readIDX(src.name, src, src.most, want)
	return elements, src.name, dims, err
}

// transpose swaps an image's rows and columns in place.
func transpose(image []uint8) {
	for y := range idxSize {
		for x := range y {
			a, b := y*idxSize+x, x*idxSize+y
			image[a], image[b] = image[b], image[a]
		}
	}
}
