package pickle

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// makeTuple makes a tuple of the last values: those since the mark, or so many as the instruction says.
func (m *machine) makeTuple(op byte) (err error) {
	t := &tuple{}
	if op == 't' {
		t.values, err = m.group()
	} else {
		t.values, err = m.popN(map[byte]int{')': 0, '\x85': 1, '\x86': 2, '\x87': 3}[op])
	}
	m.push(t)
	return err
}

// list makes a list, or appends to the one below.
func (m *machine) list(op byte) error {
	var values []any
	var err error
	switch op {
	case ']':
		m.push(&list{})
		return nil
	case 'a':
		values, err = m.popN(1)
	default:
		values, err = m.group()
	}
	if err != nil {
		return err
	}
	if op == 'l' {
		m.push(&list{values})
		return nil
	}
	l, err := topOf[*list](m)
	if err == nil {
		l.values = append(l.values, values...)
	}
	return err
}

// dict makes a dict, or sets keys of the one below.
func (m *machine) dict(op byte) error {
	var values []any
	var err error
	switch op {
	case '}':
		m.push(&dict{})
		return nil
	case 's':
		values, err = m.popN(2)
	default:
		values, err = m.group()
	}
	if err != nil {
		return err
	}
	if op == 'd' {
		m.push(&dict{})
	}
	d, err := topOf[*dict](m)
	if err != nil {
		return err
	}
	if len(values)%2 != 0 {
		return fmt.Errorf("%w: a key without its value", errDamaged)
	}
	for i := 0; i < len(values); i += 2 {
		d.set(values[i], values[i+1])
	}
	return nil
}

// set is Python's for keys that are strings; others are appended.
func (d *dict) set(key, value any) {
	if text, ok := key.(string); ok {
		if i, known := d.at[text]; known {
			d.entries[i].Value = value
			return
		}
		if d.at == nil {
			d.at = map[string]int{}
		}
		d.at[text] = len(d.entries)
	}
	d.entries = append(d.entries, Entry{key, value})
}

// put remembers the top of the stack under a number.
func (m *machine) put(op byte) error {
	number := len(m.memo)
	if op != '\x94' {
		var err error
		if number, err = m.number(op); err != nil {
			return err
		}
	}
	v, err := m.top()
	if err == nil {
		m.memo[number] = v
	}
	return err
}

func (m *machine) get(op byte) error {
	number, err := m.number(op)
	if err != nil {
		return err
	}
	v, ok := m.memo[number]
	if !ok {
		return fmt.Errorf("%w: value %d is not there", errDamaged, number)
	}
	m.push(v)
	return nil
}

// number is what put and get are about.
func (m *machine) number(op byte) (int, error) {
	switch op {
	case 'p', 'g':
		line, err := readLine(m.in)
		if err != nil {
			return 0, err
		}
		n, err := strconv.Atoi(line)
		if err != nil {
			return 0, fmt.Errorf("%w: value number %q", errDamaged, line)
		}
		return n, nil
	case 'q', 'h':
		b, err := m.in.ReadByte()
		return int(b), err
	}
	b, err := readN(m.in, 4)
	if err != nil {
		return 0, err
	}
	return int(binary.LittleEndian.Uint32(b)), nil
}

// global pushes a function or class that the caller allows.
func (m *machine) global(op byte) (err error) {
	var g Global
	if op == '\x93' {
		if g.Name, err = popOf[string](m); err == nil {
			g.Module, err = popOf[string](m)
		}
	} else {
		if g.Module, err = readLine(m.in); err == nil {
			g.Name, err = readLine(m.in)
		}
	}
	switch {
	case err != nil:
		return err
	case op == 'i' || !m.allows(g):
		return fmt.Errorf("%w: it asks for %.200q, which is not plain data", ErrRefused, g.String())
	}
	m.push(g)
	return nil
}

// reduce notes what a function is called with; an OrderedDict is made.
func (m *machine) reduce() error {
	args, err := popOf[*tuple](m)
	if err != nil {
		return err
	}
	fn, err := popOf[Global](m)
	if err != nil {
		return err
	}
	if fn != orderedDict {
		m.push(&call{fn, args})
		return nil
	}
	d := &dict{}
	m.push(d)
	if len(args.values) == 0 {
		return nil
	}
	pairs, ok := args.values[0].(*list)
	if !ok || len(args.values) > 1 {
		return fmt.Errorf("%w: OrderedDict of something else than pairs", errDamaged)
	}
	for _, pair := range pairs.values {
		switch p := pair.(type) {
		case *list:
			err = d.setPair(p.values)
		case *tuple:
			err = d.setPair(p.values)
		default:
			err = d.setPair(nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *dict) setPair(pair []any) error {
	if len(pair) != 2 {
		return fmt.Errorf("%w: OrderedDict of something else than pairs", errDamaged)
	}
	d.set(pair[0], pair[1])
	return nil
}

// build gives an object its attributes: those of a dict, such as a state_dict's _metadata, are dropped, and nothing else
// here has any.
func (m *machine) build() error {
	if _, err := m.pop(); err != nil {
		return err
	}
	_, err := topOf[*dict](m)
	return err
}

func (m *machine) persistent(op byte) error {
	var id any
	var err error
	if op == 'P' {
		id, err = readLine(m.in)
	} else {
		id, err = m.pop()
	}
	if err == nil {
		m.push(&persistent{id})
	}
	return err
}
