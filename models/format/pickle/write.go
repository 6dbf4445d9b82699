package pickle

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Write writes a value as a pickle of a protocol: 2, which torch.load expects, or 3, the first that has []byte.
func Write(w io.Writer, protocol int, value any) error {
	if protocol != 2 && protocol != 3 {
		return fmt.Errorf("pickle: protocol %d, want 2 or 3", protocol)
	}
	e := encoder{bufio.NewWriterSize(w, 1<<20), protocol}
	e.op(string([]byte{0x80, byte(protocol)}))
	if err := e.value(value); err != nil {
		return fmt.Errorf("pickle: %w", err)
	}
	e.op(".")
	return e.w.Flush() // it keeps the first error of the writes before
}

type encoder struct {
	w        *bufio.Writer
	protocol int
}

func (e encoder) op(code string) { e.w.WriteString(code) }

func (e encoder) uint32(v uint32) { e.w.Write(binary.LittleEndian.AppendUint32(nil, v)) }

// value writes the opcodes that leave v on the stack.
func (e encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.op("N")
	case bool:
		if v {
			e.op("\x88")
		} else {
			e.op("\x89")
		}
	case int:
		if v == int(int32(v)) {
			e.op("J")
			e.uint32(uint32(v))
		} else {
			e.op("\x8a\x08")
			e.w.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
		}
	case float64:
		e.op("G")
		e.w.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case string:
		return e.counted("X", []byte(v))
	case []byte:
		if e.protocol < 3 {
			return errors.New("bytes cannot be written by protocol 2")
		}
		return e.counted("B", v)
	case List:
		e.op("]")
		return e.group("e", v)
	case Tuple:
		return e.group("t", v)
	case Dict:
		e.op("}(")
		for _, entry := range v {
			if err := e.each(entry.Key, entry.Value); err != nil {
				return err
			}
		}
		e.op("u")
	case Global:
		e.op("c" + v.Module + "\n" + v.Name + "\n")
	case Call:
		if err := e.each(v.Func, v.Args); err != nil {
			return err
		}
		e.op("R")
	case Persistent:
		if err := e.value(v.ID); err != nil {
			return err
		}
		e.op("Q")
	default:
		return fmt.Errorf("%T cannot be written", v)
	}
	return nil
}

func (e encoder) each(values ...any) error {
	for _, v := range values {
		if err := e.value(v); err != nil {
			return err
		}
	}
	return nil
}

// group writes values between a mark and the opcode that gathers them.
func (e encoder) group(gather string, values []any) error {
	e.op("(")
	if err := e.each(values...); err != nil {
		return err
	}
	e.op(gather)
	return nil
}

func (e encoder) counted(op string, data []byte) error {
	if len(data) > math.MaxUint32 {
		return fmt.Errorf("%d bytes in one value, want less than 4 GiB", len(data))
	}
	e.op(op)
	e.uint32(uint32(len(data)))
	e.w.Write(data)
	return nil
}
