package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// drawnTIFF is a TIFF of pages of 2 x 2 pixels, each by its tags of one short; the pixels, at the start, are zeros.
func drawnTIFF(order binary.AppendByteOrder, pages ...map[uint16]uint16) []byte {
	mark := map[bool]string{true: "MM", false: "II"}[order.String() == "BigEndian"]
	const pixels = 64
	file := order.AppendUint32(order.AppendUint16([]byte(mark), 42), 8+pixels)
	file = append(file, make([]byte, pixels)...)
	for at, page := range pages {
		tags := map[uint16]uint16{256: 2, 257: 2, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2}
		for tag, value := range page {
			tags[tag] = value
		}
		tags[279] = 2 * 2 * tags[258] / 8
		file = order.AppendUint16(file, uint16(len(tags)))
		for tag := range uint16(400) {
			if value, ok := tags[tag]; ok {
				file = order.AppendUint32(order.AppendUint16(order.AppendUint16(file, tag), 3), 1)
				file = order.AppendUint16(order.AppendUint16(file, value), 0)
			}
		}
		next := 0
		if at < len(pages)-1 {
			next = len(file) + 4
		}
		file = order.AppendUint32(file, uint32(next))
	}
	return file
}

// TestTIFFKinds: whole TIFFs that are not read say what they are, and what is wanted; damaged ones are just that.
func TestTIFFKinds(t *testing.T) {
	d := must.M1(NewDecoder(Canvas{Size: 2}, Go))
	defer d.Close()
	squeeze := func(file []byte) error {
		_, err := d.Squeeze(make([]uint8, 3*2*2), file)
		return err
	}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, page := range []map[uint16]uint16{{}, {258: 16}} {
			if err := squeeze(drawnTIFF(order, page)); err != nil {
				t.Errorf("%s %v: %v", order, page, err)
			}
		}
		for want, page := range map[string]map[uint16]uint16{
			"1 channels of 32 bits, floating-point, gray, compression 1": {258: 32, 339: 3},
			"1 channels of 16 bits, signed, gray":                        {258: 16, 339: 2},
			"1 channels of 32 bits, unsigned, gray":                      {258: 32},
			"4 channels of 8 bits, unsigned, CMYK":                       {262: 5, 277: 4},
			"4 channels of 8 bits, unsigned, RGB":                        {262: 2, 277: 4},
			"6 channels of 8 bits, unsigned, RGB":                        {262: 2, 277: 6},
			"compression 7":                                              {259: 7},
		} {
			err := squeeze(drawnTIFF(order, page))
			if unread := (Unread{}); !errors.As(err, &unread) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "want gray, RGB or RGBA (its") {
				t.Errorf("%s: error %v, want an Unread that says %q", order, err, want)
			}
		}
	}
	whole := drawnTIFF(binary.LittleEndian, map[uint16]uint16{258: 32, 339: 3})
	for cut := range len(whole) {
		if err := squeeze(whole[:cut]); err == nil {
			t.Errorf("cut at %d: no error", cut)
		}
	}
	if err := squeeze(whole[:80]); errors.As(err, new(Unread)) {
		t.Errorf("cut: %v, want no kind", err)
	}
	if err := squeeze([]byte("II+\x00 and so on")); err == nil || !strings.Contains(err.Error(), "a BigTIFF file, want JPEG") {
		t.Errorf("error %v, want the format named", err)
	}
}

// TestPaged counts pages, not the smaller copies of one, and ends where pages lead in a circle.
func TestPaged(t *testing.T) {
	plain, small := map[uint16]uint16{}, map[uint16]uint16{254: 1}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		two := drawnTIFF(order, plain, plain)
		for _, test := range []struct {
			name string
			file []byte
			want bool
		}{
			{"one", drawnTIFF(order, plain), false},
			{"two", two, true},
			{"pyramid", drawnTIFF(order, plain, small, small), false},
			{"pyramid and page", drawnTIFF(order, plain, small, plain), true},
			{"cut", two[:90], false},
			{"jpeg", photograph(8, 8), false},
			{"empty", nil, false},
		} {
			if got := Paged(test.file); got != test.want {
				t.Errorf("%s, %s: paged %t, want %t", order, test.name, got, test.want)
			}
		}
	}
	circle := drawnTIFF(binary.LittleEndian, plain)
	copy(circle[len(circle)-4:], circle[4:8])
	if n := len(pages(circle)); n != maxPages {
		t.Errorf("%d pages of a circle, want %d", n, maxPages)
	}
	if huge := bytes.Repeat([]byte("II*\x00\xff\xff\xff\xff"), 9); Paged(huge) {
		t.Error("pages beyond the end of the file")
	}
}
