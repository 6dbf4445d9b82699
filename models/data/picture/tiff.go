package picture

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"strings"

	"golang.org/x/image/tiff"
)

// Unread is the error of an image of a kind that is not read here, though the file may be whole.
type Unread struct{ text string }

func (u Unread) Error() string { return u.text }

// Tags of a TIFF's page.
const (
	tagSubfile     = 254 // bit 0: a smaller copy of another page
	tagBits        = 258
	tagCompression = 259
	tagPhotometric = 262
	tagSamples     = 277
	tagFormat      = 339
)

// maxPages bounds how far the chain of a TIFF's pages is followed: it may lead in a circle.
const maxPages = 64

// pages returns for each page of a TIFF the first value of each of its tags that holds whole numbers.
func pages(file []byte) (all []map[int]int) {
	var order binary.ByteOrder = binary.LittleEndian
	if len(file) < 8 {
		return nil
	}
	if file[0] == 'M' {
		order = binary.BigEndian
	}
	const entryLen = 12
	at := int64(order.Uint32(file[4:]))
	for at > 0 && at+2 <= int64(len(file)) && len(all) < maxPages {
		n := int64(order.Uint16(file[at:]))
		end := at + 2 + n*entryLen
		if end > int64(len(file)) {
			return all
		}
		page := map[int]int{}
		for e := file[at+2 : end]; len(e) > 0; e = e[entryLen:] {
			if v, ok := firstValue(file, e, order); ok {
				page[int(order.Uint16(e))] = v
			}
		}
		all = append(all, page)
		if end+4 > int64(len(file)) {
			return all
		}
		at = int64(order.Uint32(file[end:]))
	}
	return all
}

// firstValue is the first value of an entry, which stands in it or where it points to.
func firstValue(file, entry []byte, order binary.ByteOrder) (int, bool) {
	size := map[uint16]int64{1: 1, 3: 2, 4: 4}[order.Uint16(entry[2:])] // of bytes, shorts and longs
	count, value := int64(order.Uint32(entry[4:])), entry[8:12]
	if size == 0 || count == 0 {
		return 0, false
	}
	if size*count > 4 {
		at := int64(order.Uint32(value))
		if at+size > int64(len(file)) {
			return 0, false
		}
		value = file[at : at+size]
	}
	switch size {
	case 1:
		return int(value[0]), true
	case 2:
		return int(order.Uint16(value)), true
	}
	return int(order.Uint32(value)), true
}

// Paged tells whether a file is a TIFF of more than one page. Smaller copies of a page are none.
func Paged(file []byte) bool {
	if f, ok := sniff(file); !ok || f.kind != "TIFF" {
		return false
	}
	n := 0
	for _, page := range pages(file) {
		if page[tagSubfile]&1 == 0 {
			n++
		}
	}
	return n > 1
}

// explainTIFF is an error of the TIFF decoder, as an [Unread] that says what the file has where that is not read.
func explainTIFF(file []byte, err error) error {
	var unsupported tiff.UnsupportedError
	var format tiff.FormatError // which it calls channels that it does not know, too
	kind := errors.As(err, &unsupported) || errors.As(err, &format) && strings.HasPrefix(string(format), "wrong number of samples")
	all := pages(file)
	if len(all) == 0 || !kind {
		return fmt.Errorf("picture: %w", err)
	}
	page := all[0]
	bits, samples := cmp.Or(page[tagBits], 1), cmp.Or(page[tagSamples], 1)
	samplesAre := map[int]string{0: "unsigned", 1: "unsigned", 2: "signed", 3: "floating-point"}[page[tagFormat]]
	colours := map[int]string{0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}[page[tagPhotometric]]
	return Unread{fmt.Sprintf("picture: a TIFF of %d channels of %d bits, %s, %s, compression %d, which is not read (%v): "+
		"want gray, RGB or RGBA (its alpha marked as such) of 8 or 16 bits, unsigned, a palette of 8 bits, or 1 bit: convert it",
		samples, bits, cmp.Or(samplesAre, "of another format"), cmp.Or(colours, "of another colour model"), cmp.Or(page[tagCompression], 1), err)}
}

// associated is a TIFF whose colours are multiplied by their alpha. The row has them divided again, as Pillow does.
type associated struct{ *image.RGBA }

func (m associated) bounds() (int, int) { return boundsOf(m) }

func (m associated) row(y int, buf []uint8) []uint8 {
	w, _ := boundsOf(m)
	row := m.Pix[y*m.Stride : y*m.Stride+4*w]
	for x := range w {
		alpha := int(row[4*x+3])
		for c := range 3 {
			v := int(row[4*x+c])
			if alpha != 0 {
				v = min(255*v/alpha, 255)
			}
			buf[3*x+c] = uint8(v)
		}
	}
	return buf[:3*w]
}
