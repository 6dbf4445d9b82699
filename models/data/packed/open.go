package packed

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"unsafe"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/format/npy"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// Set is a packed set, mapped into memory: a data.Source. Its pages are the system's, which drops and reads them again as it needs; a set larger than memory works.
type Set struct {
	Meta   Meta
	info   data.Info
	pixels []uint8
	aspect []float32
	maps   [][]byte
}

// Open maps the packed set in a folder. It checks sizes and headers, not the checksums.
func Open(dir string) (s *Set, err error) {
	if !Is(dir) {
		return nil, notThere(dir)
	}
	s = &Set{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			s = nil
		}
	}()
	if s.Meta, err = ReadMeta(dir); err != nil {
		return s, err
	}
	m := s.Meta
	s.info = data.Info{Name: dir, N: m.Count, Size: m.Canvas, Channels: m.Depth(), Classes: m.Classes}
	if s.pixels, err = s.load(dir, imagesFile, npy.Uint8, m.Count, m.Canvas, m.Canvas, m.Depth()); err != nil {
		return s, err
	}
	aspect, err := s.load(dir, aspectFile, npy.Float32, m.Count)
	if err != nil {
		return s, err
	}
	s.aspect = unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(aspect))), len(aspect)/4)
	if len(m.Classes) == 0 {
		return s, s.checkRows(dir)
	}
	labels, err := s.load(dir, labelsFile, npy.Int32, m.Count)
	if err != nil {
		return s, err
	}
	s.info.Labels = unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(labels))), len(labels)/4)
	return s, s.checkRows(dir)
}

// load maps an array's file and returns its elements' bytes. They start at a multiple of 64: every element type is aligned.
func (s *Set) load(dir, base, kind string, shape ...int) ([]uint8, error) {
	name := filepath.Join(dir, base)
	f, err := regular.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, corrupt(name, "it is not there, and %s says that it is", metaFile)
	}
	if err != nil {
		return nil, fmt.Errorf("packed: %w", err)
	}
	defer f.Close()
	h, err := npy.ReadHeader(f)
	if err != nil {
		return nil, corrupt(name, "%v", err)
	}
	if h.Type != kind || !slices.Equal(h.Shape, shape) {
		return nil, corrupt(name, "%s %v, want %s %v by %s", h.Type, h.Shape, kind, shape, metaFile)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("packed: %w", err)
	}
	if h.Bytes() != size-h.Offset || h.Offset%64 != 0 || h.Bytes() == 0 {
		return nil, corrupt(name, "%d bytes of elements from %d on, want %d at a multiple of 64", size-h.Offset, h.Offset, h.Bytes())
	}
	mapped, err := mapFile(f, size)
	if err != nil {
		return nil, fmt.Errorf("packed: %s: mapping %d bytes: %w", name, size, err)
	}
	s.maps = append(s.maps, mapped)
	return mapped[h.Offset:], nil
}

// checkRows refuses aspects that no image has, and labels that no class has.
func (s *Set) checkRows(dir string) error {
	for i, a := range s.aspect {
		if !(a > 0) || math.IsInf(float64(a), 1) {
			return corrupt(filepath.Join(dir, aspectFile), "aspect %v at %d, want width over height", a, i)
		}
	}
	for i, l := range s.info.Labels {
		if l < 0 || int(l) >= len(s.info.Classes) {
			return corrupt(filepath.Join(dir, labelsFile), "label %d at %d, want 0 to %d", l, i, len(s.info.Classes)-1)
		}
	}
	return nil
}

// Info describes the set.
func (s *Set) Info() data.Info { return s.info }

// Unlabel has the set read as one without classes from here on.
func (s *Set) Unlabel() { s.info.Labels, s.info.Classes = nil, nil }

// Fill copies images. A file that was cut short after it was opened, or a disk that cannot be read, is an error.
func (s *Set) Fill(dst []uint8, rows []data.Row, indices []int) error {
	n := s.info.ImageLen()
	if len(dst) != len(indices)*n {
		panic(fmt.Sprintf("packed: Fill: dst has %d bytes, want %d (%d images of %d)", len(dst), len(indices)*n, len(indices), n))
	}
	return s.mapped(func() {
		for at, i := range indices {
			copy(dst[at*n:(at+1)*n], s.pixels[i*n:(i+1)*n])
		}
		s.rows(rows, indices)
	})
}

// FillRows is [Set.Fill] without the images.
func (s *Set) FillRows(rows []data.Row, indices []int) error {
	return s.mapped(func() { s.rows(rows, indices) })
}

func (s *Set) rows(rows []data.Row, indices []int) {
	for at, i := range indices {
		rows[at] = data.Row{Aspect: s.aspect[i], Label: -1}
		if s.info.Labels != nil {
			rows[at].Label = s.info.Labels[i]
		}
	}
}

// mapped makes an error of what goes wrong when f reads the mapped files.
func (s *Set) mapped(f func()) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if fault := recover(); fault != nil {
			if _, ok := fault.(interface{ Addr() uintptr }); !ok {
				panic(fault) // not a memory fault: a bug
			}
			err = fmt.Errorf("packed: %s: reading the mapped files: %v: was one cut or replaced, or does the disk fail?", s.info.Name, fault)
		}
	}()
	f()
	return nil
}

// Fingerprint is that of the checksums in meta.json: it reads no image.
func (s *Set) Fingerprint() (string, error) {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.Meta.Files)) {
		fmt.Fprintf(h, "%s %s\n", name, s.Meta.Files[name].SHA256)
	}
	return hexSum(h), nil
}

// Prefetch has the system read the images ahead, in the background.
func (s *Set) Prefetch(indices []int) {
	whole := s.maps[0]
	start := len(whole) - len(s.pixels)
	page := os.Getpagesize()
	n := s.info.ImageLen()
	for _, i := range indices {
		from := (start + i*n) / page * page
		readAhead(whole[from : start+(i+1)*n])
	}
}

// Close unmaps the files. The slices that Info returned are invalid after it.
func (s *Set) Close() error {
	var first error
	for _, m := range s.maps {
		if err := unmap(m); err != nil && first == nil {
			first = fmt.Errorf("packed: %w", err)
		}
	}
	s.maps, s.pixels, s.aspect, s.info.Labels = nil, nil, nil, nil
	return first
}

func notThere(dir string) error {
	return fmt.Errorf("packed: %s: no %s: %w: mocotpu data pack makes a packed set", dir, metaFile, data.ErrMissing)
}

func corrupt(name, format string, args ...any) error {
	return fmt.Errorf("packed: %s: %s: %w", name, fmt.Sprintf(format, args...), data.ErrCorrupt)
}

// Whole returns the set as one in memory, whose pixels and labels are the mapped files': read-only, and gone when s is closed.
func (s *Set) Whole() *data.Set {
	i := s.info
	return &data.Set{Name: i.Name, N: i.N, Size: i.Size, Channels: i.Channels, Pixels: s.pixels, Labels: i.Labels, Classes: i.Classes}
}
