package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Set is a data set in memory.
//
// The fields are the set's own: callers read them and must not write to them. A Set whose invariants hold (len(Pixels) = N*Size*Size*Channels; Labels nil or N long, each in 0..len(Classes)-1) may be built as a literal.
type Set struct {
	// Name as [Open] takes it, with the split of EMNIST spelled out: "glyphs", "emnist/byclass".
	Name string
	// N is the number of images.
	N int
	// Size is an image's height and width in pixels.
	Size int
	// Channels is 1 (gray) or 3 (RGB).
	Channels int
	// Pixels is uint8 [N, Size, Size, Channels], row-major.
	Pixels []uint8
	// Labels holds one class per image, an index into Classes; nil when the set is unlabeled.
	Labels []int32
	// Classes names the classes.
	Classes []string
}

// ImageLen returns the bytes of one image, Size*Size*Channels.
func (s *Set) ImageLen() int { return s.Size * s.Size * s.Channels }

// Image returns image i as uint8 [Size, Size, Channels]: a view, owned by the set. It panics where i is not in 0..N-1.
func (s *Set) Image(i int) []uint8 {
	n := s.ImageLen()
	return s.Pixels[i*n : (i+1)*n : (i+1)*n]
}

// Gather copies the images at indices into dst, uint8 [len(indices), Size, Size, Channels], owned by the caller. An index may repeat. It panics where dst has another length or an index is not in 0..N-1.
func (s *Set) Gather(dst []uint8, indices []int) {
	n := s.ImageLen()
	if len(dst) != len(indices)*n {
		panic(fmt.Sprintf("data: Gather: dst has %d bytes, want %d (%d images of %d)", len(dst), len(indices)*n, len(indices), n))
	}
	for row, i := range indices {
		copy(dst[row*n:], s.Image(i))
	}
}

// Checksum returns the SHA-256, in hex, of the set's shape, pixels and labels. Name and Classes are left out: two sets with one checksum train alike.
func (s *Set) Checksum() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %d %d\n", s.N, s.Size, s.Channels, len(s.Labels))
	h.Write(s.Pixels)
	labels := make([]byte, 0, 4*len(s.Labels))
	for _, l := range s.Labels {
		labels = binary.LittleEndian.AppendUint32(labels, uint32(l))
	}
	h.Write(labels)
	return hex.EncodeToString(h.Sum(nil))
}

// first returns the set cut to its first n images, all of them where n is 0.
func (s *Set) first(n int) (*Set, error) {
	switch {
	case n == 0 || n == s.N:
		return s, nil
	case n < 0 || n > s.N:
		return nil, fmt.Errorf("data: %s: got Options.N %d, want 0 (all) to %d, the images there are", s.Name, n, s.N)
	}
	cut := *s
	cut.N = n
	cut.Pixels = s.Pixels[: n*s.ImageLen() : n*s.ImageLen()]
	cut.Labels = s.Labels[:n:n]
	return &cut, nil
}
