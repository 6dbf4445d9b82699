package hlo

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// msg builds a protobuf message from XLA's field numbers. It shares nothing with hlo.proto, so that a wrong number there
// fails a test.
type msg []byte

func (m msg) int(field protowire.Number, v int64) msg {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(v))
}

func (m msg) bytes(field protowire.Number, b []byte) msg {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), b)
}

func (m msg) text(field protowire.Number, s string) msg { return m.bytes(field, []byte(s)) }

// packed writes a repeated integer as XLA does, plain one field per value as older writers do.
func (m msg) packed(field protowire.Number, v ...int64) msg {
	var b []byte
	for _, x := range v {
		b = protowire.AppendVarint(b, uint64(x))
	}
	return m.bytes(field, b)
}

func (m msg) plain(field protowire.Number, v ...int64) msg {
	for _, x := range v {
		m = m.int(field, x)
	}
	return m
}

func (m msg) double(field protowire.Number, v uint64) msg {
	return protowire.AppendFixed64(protowire.AppendTag(m, field, protowire.Fixed64Type), v)
}

const (
	pred, s32, u8, f32, tupleType, bf16 = 1, 4, 6, 11, 13, 16
)

func array(kind int64, dims ...int64) msg { return msg{}.int(2, kind).packed(3, dims...) }

func tuple(shapes ...msg) msg {
	m := msg{}.int(2, tupleType)
	for _, s := range shapes {
		m = m.bytes(4, s)
	}
	return m
}

// inst is an instruction with an id, a name made of opcode and id, a shape and operands.
func inst(id int64, opcode string, shape msg, operands ...int64) msg {
	return msg{}.text(1, opcode+"."+string(rune('0'+id))).text(2, opcode).bytes(3, shape).int(35, id).packed(36, operands...)
}

func computation(id, root int64, instructions ...msg) msg {
	m := msg{}.text(1, "computation").int(5, id).int(6, root)
	for _, i := range instructions {
		m = m.bytes(2, i)
	}
	return m
}

func module(entry int64, computations ...msg) msg {
	m := msg{}.text(1, "test").int(6, entry)
	for _, c := range computations {
		m = m.bytes(3, c)
	}
	return m
}

// readOne reads a module with that instruction alone.
func readOne(t *testing.T, instruction msg) *Instruction {
	t.Helper()
	m, err := Read("hlo", module(1, computation(1, 1, instruction)))
	if err != nil {
		t.Fatal(err)
	}
	return m.Computations[0].Instructions[0]
}
