package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// The opcodes by the arguments that follow them in the stream.
const (
	opsPlain  = "(.012NQRabde}lo]st)u\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94" // none
	opsOne    = "Khq\x80"                                                              // one byte
	opsTwo    = "M"
	opsFour   = "Jjr"
	opsEight  = "G"
	opsLine   = "FILPSVgp"     // a line
	opsLines  = "ci"           // two lines
	opsCount1 = "U\x8aC\x8c"   // a number of bytes in one byte, then those
	opsCount4 = "TXB\x8b"      // in four
	opsCount8 = "\x8d\x8e\x96" // in eight
	opFrame   = '\x95'         // eight bytes, that many bytes of opcodes follow: only a hint for buffers
	opStop    = '.'
)

// scan copies one pickle from r, without frames. The library allocates on the word of a count; here memory grows only
// with what is there.
func scan(r *byteReader) ([]byte, error) {
	var out bytes.Buffer
	for {
		op, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		if op == opFrame {
			if _, err := io.CopyN(io.Discard, r, 8); err != nil {
				return nil, err
			}
			continue
		}
		out.WriteByte(op)
		if op == opStop {
			return out.Bytes(), nil
		}
		if err := copyArguments(&out, r, op); err != nil {
			return nil, err
		}
	}
}

func copyArguments(out *bytes.Buffer, r *byteReader, op byte) error {
	is := func(ops string) bool { return strings.IndexByte(ops, op) >= 0 }
	switch {
	case is(opsPlain):
		return nil
	case is(opsOne):
		return copyBytes(out, r, 1)
	case is(opsTwo):
		return copyBytes(out, r, 2)
	case is(opsFour):
		return copyBytes(out, r, 4)
	case is(opsEight):
		return copyBytes(out, r, 8)
	case is(opsLine):
		return copyLine(out, r)
	case is(opsLines):
		if err := copyLine(out, r); err != nil {
			return err
		}
		return copyLine(out, r)
	case is(opsCount1):
		return copyCounted(out, r, 1)
	case is(opsCount4):
		return copyCounted(out, r, 4)
	case is(opsCount8):
		return copyCounted(out, r, 8)
	}
	return fmt.Errorf("%w: opcode %#x", ErrRefused, op)
}

func copyBytes(out *bytes.Buffer, r *byteReader, n int64) error {
	_, err := io.CopyN(out, r, n)
	return err
}

func copyLine(out *bytes.Buffer, r *byteReader) error {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return err
		}
		out.WriteByte(c)
		if c == '\n' {
			return nil
		}
	}
}

func copyCounted(out *bytes.Buffer, r *byteReader, width int) error {
	var count [8]byte
	if _, err := io.ReadFull(r, count[:width]); err != nil {
		return err
	}
	out.Write(count[:width])
	n := binary.LittleEndian.Uint64(count[:])
	if int64(n) < 0 {
		return fmt.Errorf("%w: a value of %d bytes", ErrRefused, n)
	}
	return copyBytes(out, r, int64(n))
}

// byteReader reads single bytes from any reader.
type byteReader struct{ io.Reader }

// ReadByte implements io.ByteReader.
func (r *byteReader) ReadByte() (byte, error) {
	if b, ok := r.Reader.(io.ByteReader); ok {
		return b.ReadByte()
	}
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}
