package stablehlo

import (
	"fmt"
	"strings"
)

// A Function is the @main of a program.
type Function struct {
	Args, Results []Value

	text string
	body int // where it begins, behind its brace; 0 if there is none
}

// A Value is an argument or a result in a function's signature.
type Value struct {
	Name       string            // with its %, "" for a result
	Type       string            // without white space
	Attributes map[string]string // without white space; an attribute without a value has "unit"
	insert     int               // where an attribute goes: behind the dictionary's brace, or behind the type
	hasDict    bool
}

// Main finds @main in the text of a module and reads its signature.
func Main(text string) (*Function, error) {
	s := &scanner{text: text}
	for {
		if !s.until("func.func") {
			return nil, fmt.Errorf("the program has no func.func @main in its text (%d bytes)", len(text))
		}
		s.space()
		for s.word("public") || s.word("private") || s.word("nested") {
			s.space()
		}
		if s.word("@main") {
			break
		}
	}
	f := &Function{text: text}
	var err error
	s.space()
	if f.Args, err = s.values(true); err != nil {
		return nil, fmt.Errorf("arguments of @main: %w", err)
	}
	s.space()
	if s.word("->") {
		s.space()
		if f.Results, err = s.results(); err != nil {
			return nil, fmt.Errorf("results of @main: %w", err)
		}
		s.space()
	}
	if s.word("attributes") {
		s.space()
		if err := s.balanced(); err != nil {
			return nil, fmt.Errorf("attributes of @main: %w", err)
		}
		s.space()
	}
	if s.peek() == '{' {
		f.body = s.pos + 1
	}
	return f, nil
}

func (s *scanner) results() ([]Value, error) {
	if s.peek() == '(' {
		return s.values(false)
	}
	typ, err := s.typ()
	return []Value{{Type: typ}}, err
}

// values reads the arguments (with names) or results of a function, at the opening parenthesis.
func (s *scanner) values(named bool) (values []Value, err error) {
	err = s.sequence(func() error {
		v, err := s.value(named)
		values = append(values, v)
		return err
	})
	return values, err
}

// value reads a name, a type, an attribute dictionary if there is one, and skips a location.
func (s *scanner) value(named bool) (v Value, err error) {
	if named {
		if v.Name, err = s.name(); err != nil {
			return v, err
		}
		s.space()
		if err := s.byte(':'); err != nil {
			return v, err
		}
		s.space()
	}
	if v.Type, err = s.typ(); err != nil {
		return v, err
	}
	v.insert = s.pos
	s.space()
	if s.peek() == '{' {
		v.hasDict, v.insert = true, s.pos+1
		if err := s.balanced(); err != nil {
			return v, err
		}
		v.Attributes = attributes(s.text[v.insert : s.pos-1])
		s.space()
	}
	_, err = s.location()
	return v, err
}

// attributes splits the inside of an attribute dictionary.
func attributes(text string) map[string]string {
	found := map[string]string{}
	s := &scanner{text: text}
	for {
		s.space()
		start := s.pos
		if s.peek() == '"' {
			s.quoted()
		}
		for wordByte(s.peek()) || s.peek() == '-' {
			s.pos++
		}
		key := strings.Trim(s.text[start:s.pos], `"`)
		s.space()
		val := "unit"
		if s.peek() == '=' {
			s.pos++
			start = s.pos
			for s.pos < len(s.text) && s.text[s.pos] != ',' {
				switch c := s.text[s.pos]; {
				case c == '"':
					s.quoted()
				case strings.IndexByte("<([{", c) >= 0:
					if s.balanced() != nil {
						s.pos = len(s.text)
					}
				default:
					s.pos++
				}
			}
			val = compact(s.text[start:s.pos])
		}
		if key != "" {
			found[key] = val
		}
		if s.pos >= len(s.text) {
			return found
		}
		s.pos++ // the comma; anything else is skipped a byte at a time, so this ends
	}
}
