package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// literals read the values that follow their instruction in the stream.
var literals = map[byte]func(byteReader) (any, error){
	'N':    constant(nil),
	'\x88': constant(true),
	'\x89': constant(false),
	'I':    lineOf(parseInt),
	'L':    lineOf(parseInt),
	'F':    lineOf(func(line string) (any, error) { return strconv.ParseFloat(line, 64) }),
	'V':    lineOf(parseUnicode),
	'K':    little(1, func(v uint64) int { return int(v) }),
	'M':    little(2, func(v uint64) int { return int(v) }),
	'J':    little(4, func(v uint64) int { return int(int32(v)) }),
	'G':    readFloat,
	'\x8a': readLong,
	'U':    text(1), '\x8c': text(1), 'T': text(4), 'X': text(4), '\x8d': text(8),
	'C': octets(1), 'B': octets(4), '\x8e': octets(8), '\x96': octets(8),
}

func constant(v any) func(byteReader) (any, error) {
	return func(byteReader) (any, error) { return v, nil }
}

func lineOf(parse func(string) (any, error)) func(byteReader) (any, error) {
	return func(in byteReader) (any, error) {
		line, err := readLine(in)
		if err != nil {
			return nil, err
		}
		v, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%w: value %.40q", errDamaged, line)
		}
		return v, nil
	}
}

// parseInt reads an int, which Python 2 ends with an L, or protocol 0's booleans.
func parseInt(line string) (any, error) {
	switch line {
	case "00":
		return false, nil
	case "01":
		return true, nil
	}
	return strconv.Atoi(strings.TrimSuffix(line, "L"))
}

func parseUnicode(line string) (any, error) {
	if strings.Contains(line, `\`) {
		return nil, errDamaged // an escape: no file of today has one
	}
	return line, nil
}

func little(width int, convert func(uint64) int) func(byteReader) (any, error) {
	return func(in byteReader) (any, error) {
		v, err := readUint(in, width)
		return convert(v), err
	}
}

func readFloat(in byteReader) (any, error) {
	b, err := readN(in, 8)
	if err != nil {
		return nil, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// readLong reads an integer in two's complement, of as many bytes as the first says.
func readLong(in byteReader) (any, error) {
	n, err := in.ReadByte()
	if err != nil {
		return nil, err
	}
	if n > 8 {
		return nil, fmt.Errorf("%w: an integer of %d bytes, want at most 8", ErrRefused, n)
	}
	if n == 0 {
		return 0, nil
	}
	v, err := readUint(in, int(n))
	unused := 64 - 8*int(n)
	return int(int64(v) << unused >> unused), err
}

// text reads a string whose length is in so many bytes.
func text(width int) func(byteReader) (any, error) {
	return func(in byteReader) (any, error) {
		b, err := readCounted(in, width, maxText)
		return string(b), err
	}
}

func octets(width int) func(byteReader) (any, error) {
	return func(in byteReader) (any, error) { return readCounted(in, width, math.MaxInt64) }
}

// readCounted takes memory for what is there, not for what the count says.
func readCounted(in byteReader, width int, most uint64) ([]byte, error) {
	n, err := readUint(in, width)
	if err != nil {
		return nil, err
	}
	if n > most {
		return nil, fmt.Errorf("%w: a value of %d bytes, want at most %d", ErrRefused, n, most)
	}
	if n <= 1<<16 {
		return readN(in, int(n))
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, in, int64(n)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func readUint(in byteReader, width int) (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(in, b[:width])
	return binary.LittleEndian.Uint64(b[:]), err
}

func readN(in byteReader, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(in, b)
	return b, err
}

// readLine reads up to a newline, which it drops.
func readLine(in byteReader) (string, error) {
	var line []byte
	for range maxText {
		c, err := in.ReadByte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(line), nil
		}
		line = append(line, c)
	}
	return "", fmt.Errorf("%w: a line of more than %d bytes", ErrRefused, maxText)
}
