package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Source gives images by their number, all on canvases of one size. A [Set] is one in memory; the packages below this one have those on the disk.
type Source interface {
	// Info describes the images. Its slices are the source's: read them only.
	Info() Info
	// Fill puts the images at indices into dst, uint8 [len(indices), Size, Size, Channels], and what belongs to each into rows, as long as indices; dst and rows are the caller's. An index may repeat. It is safe for concurrent use, and what it gives for an index is always the same.
	Fill(dst []uint8, rows []Row, indices []int) error
	// Prefetch says that the images at indices will be wanted soon. It does not wait.
	Prefetch(indices []int)
	// Fingerprint is a SHA-256, in hex, that changes when the images do.
	Fingerprint() (string, error)
	// Close frees what the source holds. Nothing else of it may be used after, or during.
	Close() error
}

// A rowFiller is a source that has what belongs to images without reading them.
type rowFiller interface {
	FillRows(rows []Row, indices []int) error
}

// HasRows tells whether FillRows reads no images of the source.
func HasRows(s Source) bool {
	_, has := s.(rowFiller)
	if sp, ok := s.(*part); ok {
		has = HasRows(sp.Source)
	}
	return has
}

// FillRows puts what belongs to the images at indices into rows, as long, as the source's Fill does. It reads no images
// where the source [HasRows].
func FillRows(s Source, rows []Row, indices []int) error {
	if !HasRows(s) {
		return s.Fill(make([]uint8, len(indices)*s.Info().ImageLen()), rows, indices)
	}
	return s.(rowFiller).FillRows(rows, indices)
}

// Info describes the images of a [Source], as the fields of [Set] of the same names do.
type Info struct {
	Name              string
	N, Size, Channels int
	// Labels is nil for images without classes.
	Labels  []int32
	Classes []string
}

// ImageLen returns the bytes of one image, Size*Size*Channels.
func (i Info) ImageLen() int { return i.Size * i.Size * i.Channels }

// Row is what belongs to an image beside its pixels.
type Row struct {
	// Aspect is the original's width over its height, before it was squeezed to a square; above 0. It is 0 for an image that
	// cannot be read, where the source does not let another one stand in for it.
	Aspect float32
	// Label is the number of the class, or -1.
	Label int32
}

// Info describes the set.
func (s *Set) Info() Info {
	return Info{Name: s.Name, N: s.N, Size: s.Size, Channels: s.Channels, Labels: s.Labels, Classes: s.Classes}
}

// Fill is [Set.Gather], with rows: a set in memory holds images that were always square.
func (s *Set) Fill(dst []uint8, rows []Row, indices []int) error {
	s.Gather(dst, indices)
	return s.FillRows(rows, indices)
}

// FillRows is [Set.Fill] without the images.
func (s *Set) FillRows(rows []Row, indices []int) error {
	for i, index := range indices {
		rows[i] = Row{Aspect: 1, Label: -1}
		if s.Labels != nil {
			rows[i].Label = s.Labels[index]
		}
	}
	return nil
}

// Fingerprint is [Set.Checksum].
func (s *Set) Fingerprint() (string, error) { return s.Checksum(), nil }

// Prefetch does nothing: the images are there.
func (s *Set) Prefetch([]int) {}

// Close does nothing.
func (s *Set) Close() error { return nil }

// Spread returns the source cut to n images, evenly spread over it, so that a set in the order of its classes keeps them all; or s itself where n is 0 or no less than its images. Closing it closes s.
func Spread(s Source, n int) Source {
	info := s.Info()
	if n <= 0 || n >= info.N {
		return s
	}
	rows := make([]int, n)
	for i := range rows {
		rows[i] = int(int64(i) * int64(info.N) / int64(n))
	}
	return newPart(s, rows, fmt.Sprint(n))
}

// Sample returns n images of the source that the seed chooses, in their order; or s itself where n is 0 or no less than its
// images. Closing it closes s.
func Sample(s Source, n int, seed uint64) Source {
	of := s.Info().N
	if n <= 0 || n >= of {
		return s
	}
	rows := Order(seed, -1, of)[:n]
	slices.Sort(rows)
	return newPart(s, rows, fmt.Sprintf("%d by seed %d", n, seed))
}

// part is some images of another source.
type part struct {
	Source
	info Info
	rows []int  // of the other source
	name string // of the choice
}

func newPart(s Source, rows []int, name string) *part {
	p := &part{Source: s, info: s.Info(), rows: rows, name: name}
	p.info.N = len(rows)
	if all := p.info.Labels; all != nil {
		p.info.Labels = make([]int32, len(rows))
		for i, row := range rows {
			p.info.Labels[i] = all[row]
		}
	}
	return p
}

// Plain is that of a source of image files, of all of them.
func (s *part) Plain() bool {
	of, ok := s.Source.(interface{ Plain() bool })
	return ok && of.Plain()
}

// Paged is that of a source of image files, of all of them.
func (s *part) Paged() bool {
	of, ok := s.Source.(interface{ Paged() bool })
	return ok && of.Paged()
}

// Skipped is that of a source of image files.
func (s *part) Skipped() string {
	if of, ok := s.Source.(interface{ Skipped() string }); ok {
		return of.Skipped()
	}
	return ""
}

func (s *part) Info() Info { return s.info }

func (s *part) Fill(dst []uint8, rows []Row, indices []int) error {
	return s.Source.Fill(dst, rows, s.translate(indices))
}

// FillRows is [FillRows] of the source that has them.
func (s *part) FillRows(rows []Row, indices []int) error {
	return FillRows(s.Source, rows, s.translate(indices))
}

// Fingerprint is the whole source's and the images taken of it.
func (s *part) Fingerprint() (string, error) {
	whole, err := s.Source.Fingerprint()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s of %s", s.name, whole))
	return hex.EncodeToString(sum[:]), err
}

func (s *part) Prefetch(indices []int) { s.Source.Prefetch(s.translate(indices)) }

func (s *part) translate(indices []int) []int {
	translated := make([]int, len(indices))
	for i, index := range indices {
		translated[i] = s.rows[index]
	}
	return translated
}
