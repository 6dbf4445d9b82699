package hlo

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field of a protobuf message: a varint, or the bytes of a string, message or packed list.
type field struct {
	num     protowire.Number
	varint  uint64
	bytes   []byte
	isBytes bool
}

// fields calls f for the varint and bytes fields of a message, in their order.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		v := field{num: num}
		switch kind {
		case protowire.VarintType:
			v.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
			v.isBytes = true
		default:
			n = protowire.ConsumeFieldValue(num, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if kind != protowire.VarintType && kind != protowire.BytesType {
			continue
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// appendInts appends the values of a repeated integer field, packed or not.
func appendInts(to []int64, f field) ([]int64, error) {
	if !f.isBytes {
		return append(to, int64(f.varint)), nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		to = append(to, int64(v))
		b = b[n:]
	}
	return to, nil
}

// within puts the name of a message in front of an error.
func within(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
