package pickle

import (
	"errors"
	"fmt"
)

// machine runs the instructions of a pickle. Its values are nil, bool, int, float64, string, []byte, Global and those
// below, of which the memo and the stack can hold one many times.
type machine struct {
	in     byteReader
	allows func(Global) bool
	stack  []any
	marks  []int // lengths of the stack where a group begins
	memo   map[int]any
}

type (
	list  struct{ values []any }
	tuple struct{ values []any }
	dict  struct {
		entries []Entry
		at      map[string]int // of the entries with such a key
	}
	call struct {
		fn   Global
		args *tuple
	}
	persistent struct{ id any }
)

var errDamaged = errors.New("damaged")

func (m *machine) run() (any, error) {
	for range maxInstructions {
		op, err := m.in.ReadByte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return m.pop()
		}
		if err := m.step(op); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: more than %d instructions", ErrRefused, maxInstructions)
}

// step runs one instruction; Python's pickletools describes all of them.
func (m *machine) step(op byte) error {
	if load, ok := literals[op]; ok {
		v, err := load(m.in)
		if err == nil {
			m.push(v)
		}
		return err
	}
	switch op {
	case '\x80', '\x95': // the protocol; the length of a frame, a hint for buffers
		_, err := readN(m.in, map[byte]int{'\x80': 1, '\x95': 8}[op])
		return err
	case '(':
		m.marks = append(m.marks, len(m.stack))
		return nil
	case '0':
		_, err := m.pop()
		return err
	case '1':
		_, err := m.group()
		return err
	case '2':
		v, err := m.top()
		if err == nil {
			m.push(v)
		}
		return err
	case ')', '\x85', '\x86', '\x87', 't':
		return m.makeTuple(op)
	case ']', 'l', 'a', 'e':
		return m.list(op)
	case '}', 'd', 's', 'u':
		return m.dict(op)
	case 'p', 'q', 'r', '\x94':
		return m.put(op)
	case 'g', 'h', 'j':
		return m.get(op)
	case 'c', '\x93', 'i':
		return m.global(op)
	case 'R':
		return m.reduce()
	case 'b':
		return m.build()
	case 'P', 'Q':
		return m.persistent(op)
	}
	return fmt.Errorf("%w: instruction %#x makes what is not plain data", ErrRefused, op)
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// top is the value that pop would take. A group's mark stands in its way.
func (m *machine) top() (any, error) {
	n := len(m.stack)
	if n == 0 || len(m.marks) > 0 && m.marks[len(m.marks)-1] >= n {
		return nil, fmt.Errorf("%w: an instruction without its value", errDamaged)
	}
	return m.stack[n-1], nil
}

func (m *machine) pop() (any, error) {
	v, err := m.top()
	if err == nil {
		m.stack = m.stack[:len(m.stack)-1]
	}
	return v, err
}

// popN copies the last n values off the stack.
func (m *machine) popN(n int) ([]any, error) {
	values := make([]any, n)
	for i := n - 1; i >= 0; i-- {
		var err error
		if values[i], err = m.pop(); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// group copies the values since the last mark off the stack.
func (m *machine) group() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, fmt.Errorf("%w: the end of a group without its beginning", errDamaged)
	}
	start := m.marks[len(m.marks)-1]
	m.marks = m.marks[:len(m.marks)-1]
	values := append([]any(nil), m.stack[start:]...)
	m.stack = m.stack[:start]
	return values, nil
}

// topOf is the value on top, which must be of a type.
func topOf[T any](m *machine) (v T, err error) {
	top, err := m.top()
	if err != nil {
		return v, err
	}
	v, ok := top.(T)
	if !ok {
		return v, fmt.Errorf("%w: an instruction for a %T, got a %T", errDamaged, v, top)
	}
	return v, nil
}

func popOf[T any](m *machine) (v T, err error) {
	if v, err = topOf[T](m); err == nil {
		_, err = m.pop()
	}
	return v, err
}
