package stablehlo

import (
	"errors"
	"fmt"
	"strings"
)

// An Operation is one of the operations in a function's body. Those in its regions belong to it.
type Operation struct {
	Results  []string // names of the values that it makes
	Name     string   // "stablehlo.add"
	Operands []string // names of the values that it takes
	Types    []string // of the operands, without white space
	Located  bool     // it has a location
	From, To int      // bytes of the function's text, without the location

	regions int // where the parenthesis of its regions opens, 0 if it has none
}

// A Region is a function inside an operation, such as the body of a loop.
type Region struct {
	Args       []string // names of the values that it is given
	Operations []Operation
}

// Operations lists the operations of the function's body in order.
func (f *Function) Operations() ([]Operation, error) {
	if f.body == 0 {
		return nil, errors.New("@main has no body")
	}
	s := &scanner{text: f.text, pos: f.body}
	var all []Operation
	for s.space(); s.peek() != '}'; s.space() {
		o, err := s.operation()
		if err != nil {
			return nil, fmt.Errorf("operation %d of @main: %w", len(all), err)
		}
		all = append(all, o)
	}
	return all, nil
}

// Regions reads the regions of an operation of the function, with all operations in them but those of regions further in.
func (f *Function) Regions(o Operation) (all []Region, err error) {
	if o.regions == 0 {
		return nil, nil
	}
	s := &scanner{text: f.text, pos: o.regions}
	err = s.sequence(func() error {
		r, err := s.region()
		all = append(all, r)
		return err
	})
	return all, err
}

// region reads a region of one block: { ^label(%a: type, ...): operations }.
func (s *scanner) region() (r Region, err error) {
	if err := s.byte('{'); err != nil {
		return r, err
	}
	if s.space(); s.peek() == '^' {
		for s.pos++; wordByte(s.peek()); s.pos++ {
		}
		if s.peek() == '(' {
			values, err := s.values(true)
			if err != nil {
				return r, err
			}
			for _, v := range values {
				r.Args = append(r.Args, v.Name)
			}
		}
		s.space()
		if err := s.byte(':'); err != nil {
			return r, err
		}
	}
	for s.space(); s.peek() != '}'; s.space() {
		o, err := s.operation()
		if err != nil {
			return r, err
		}
		r.Operations = append(r.Operations, o)
	}
	s.pos++
	return r, nil
}

// operation reads an operation in the generic form: results = "name"(operands) attributes and regions : types.
func (s *scanner) operation() (o Operation, err error) {
	o.From = s.pos
	if s.peek() == '%' {
		if o.Results, err = s.resultNames(); err != nil {
			return o, err
		}
	}
	start := s.pos
	if s.peek() != '"' {
		return o, fmt.Errorf("want the name of an operation in quotes at byte %d", start)
	}
	s.quoted()
	o.Name = strings.Trim(s.text[start:s.pos], `"`)
	s.space()
	if err := s.sequence(func() error {
		name, err := s.name()
		o.Operands = append(o.Operands, name)
		return err
	}); err != nil {
		return o, err
	}
	for s.space(); strings.IndexByte("[<({", s.peek()) >= 0; s.space() { // successors, properties, regions, attributes
		if s.peek() == '(' {
			o.regions = s.pos
		}
		if err := s.balanced(); err != nil {
			return o, err
		}
	}
	if err := s.byte(':'); err != nil {
		return o, err
	}
	s.space()
	if err := s.sequence(func() error {
		typ, err := s.typ()
		o.Types = append(o.Types, typ)
		return err
	}); err != nil {
		return o, err
	}
	s.space()
	if !s.word("->") {
		return o, fmt.Errorf("want -> at byte %d", s.pos)
	}
	s.space()
	if s.peek() == '(' {
		err = s.balanced()
	} else {
		_, err = s.typ()
	}
	if err != nil {
		return o, err
	}
	o.To = s.pos
	s.space()
	o.Located, err = s.location()
	return o, err
}

// resultNames reads the names before an operation, and the equals sign.
func (s *scanner) resultNames() (names []string, err error) {
	for {
		name, err := s.name()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		switch s.space(); s.peek() {
		case ',':
			s.pos++
			s.space()
		case '=':
			s.pos++
			s.space()
			return names, nil
		default:
			return nil, fmt.Errorf("want = at byte %d", s.pos)
		}
	}
}
