package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The element types this package knows, as NumPy's descr.
const (
	Uint8   = "|u1"
	Int32   = "<i4"
	Float32 = "<f4"
)

var widths = map[string]int64{Uint8: 1, Int32: 4, Float32: 4}

// maxHeader is the length of the longest header that is read; NumPy writes 118 bytes for four dimensions.
const maxHeader = 1 << 12

// HeaderLen is what [Header.Encode] writes, so that a header can be replaced when the number of rows has become known.
const HeaderLen = 128

const magic = "\x93NUMPY"

// Header describes an array in C order.
type Header struct {
	// Type is the elements': Uint8, Int32 or Float32.
	Type string
	// Shape holds the dimensions, the slowest first; none is negative.
	Shape []int
	// Offset is where the elements start in the file, in bytes.
	Offset int64
}

// Bytes returns the length of the elements. It is math.MaxInt64 where the product is more than that.
func (h Header) Bytes() int64 {
	n := widths[h.Type]
	for _, d := range h.Shape {
		if d != 0 && n > math.MaxInt64/int64(d) {
			return math.MaxInt64
		}
		n *= int64(d)
	}
	return n
}

// Encode returns the header of a file whose elements follow at once: version 1.0, HeaderLen bytes. It panics where that is too short, which takes a shape of more than 60 digits.
func (h Header) Encode() []byte {
	var shape strings.Builder
	for _, d := range h.Shape {
		fmt.Fprintf(&shape, "%d, ", d)
	}
	list := strings.TrimSuffix(shape.String(), " ")
	if len(h.Shape) > 1 {
		list = strings.TrimSuffix(list, ",")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", h.Type, list)
	room := HeaderLen - len(magic) - 4
	if len(text) >= room {
		panic(fmt.Sprintf("npy: header of %d bytes, want at most %d", len(text), room-1))
	}
	out := append([]byte(magic), 1, 0)
	out = binary.LittleEndian.AppendUint16(out, uint16(room))
	out = append(out, text...)
	out = append(out, strings.Repeat(" ", room-len(text)-1)...)
	return append(out, '\n')
}

// ReadHeader reads a header of any version, and leaves r where the elements start.
func ReadHeader(r io.Reader) (Header, error) {
	start := make([]byte, len(magic)+2)
	if err := fill(r, start); err != nil {
		return Header{}, err
	}
	if string(start[:len(magic)]) != magic {
		return Header{}, fmt.Errorf("npy: got %q, want a file that starts with %q", start[:len(magic)], magic)
	}
	lengthBytes := 2
	switch major := start[len(magic)]; major {
	case 1:
	case 2, 3:
		lengthBytes = 4
	default:
		return Header{}, fmt.Errorf("npy: got version %d, want 1 to 3", major)
	}
	var length [4]byte
	if err := fill(r, length[:lengthBytes]); err != nil {
		return Header{}, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n > maxHeader {
		return Header{}, fmt.Errorf("npy: got a header of %d bytes, want at most %d", n, maxHeader)
	}
	text := make([]byte, n)
	if err := fill(r, text); err != nil {
		return Header{}, err
	}
	h, err := parse(string(text))
	h.Offset = int64(len(start)) + int64(lengthBytes) + int64(n)
	return h, err
}

func fill(r io.Reader, b []byte) error {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("npy: header too short: got %d bytes, want %d", n, len(b))
	}
	if err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	return nil
}

// parse reads the dictionary, as NumPy writes it: keys in any order, no escapes.
func parse(text string) (Header, error) {
	bad := func(what string) (Header, error) {
		return Header{}, fmt.Errorf("npy: got %s in header %q", what, text)
	}
	body, ok := strings.CutPrefix(strings.TrimSpace(text), "{")
	if !ok {
		return bad("no dictionary")
	}
	body, ok = strings.CutSuffix(body, "}")
	if !ok {
		return bad("no end of the dictionary")
	}
	var h Header
	seen := map[string]bool{}
	for body = strings.TrimSpace(body); body != ""; {
		var key, value string
		if key, body, ok = quoted(body); !ok {
			return bad("no key")
		}
		if body, ok = strings.CutPrefix(strings.TrimSpace(body), ":"); !ok {
			return bad("no colon")
		}
		if seen[key] {
			return bad("a key twice")
		}
		seen[key] = true
		body = strings.TrimSpace(body)
		switch key {
		case "descr":
			if value, body, ok = quoted(body); !ok || widths[value] == 0 {
				return bad("an element type other than " + Uint8 + ", " + Int32 + " and " + Float32)
			}
			h.Type = value
		case "fortran_order":
			if body, ok = strings.CutPrefix(body, "False"); !ok {
				return bad("fortran_order other than False")
			}
		case "shape":
			if h.Shape, body, ok = tuple(body); !ok {
				return bad("no shape")
			}
		default:
			return bad("an unknown key")
		}
		body = strings.TrimSpace(body)
		if body, ok = strings.CutPrefix(body, ","); !ok && body != "" {
			return bad("no comma")
		}
		body = strings.TrimSpace(body)
	}
	if len(seen) != 3 {
		return bad("not all of descr, fortran_order and shape")
	}
	return h, nil
}

func quoted(s string) (word, rest string, ok bool) {
	if s == "" || s[0] != '\'' && s[0] != '"' {
		return "", s, false
	}
	return strings.Cut(s[1:], s[:1])
}

func tuple(s string) (numbers []int, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, "(")
	if !ok {
		return nil, s, false
	}
	list, rest, ok := strings.Cut(s, ")")
	if !ok {
		return nil, s, false
	}
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		n, err := strconv.ParseUint(word, 10, 47)
		if err != nil {
			return nil, rest, false
		}
		numbers = append(numbers, int(n))
	}
	return numbers, rest, true
}
