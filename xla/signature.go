package xla

import (
	"fmt"
	"strings"
)

// A value is an argument or result in a function's signature.
type value struct {
	typ        string            // without white space
	attributes map[string]string // "" for an attribute without a value is stored as "unit"
	hasDict    bool
	insert     int // where an attribute goes: after the dictionary's brace, or after the type
}

func (v value) sharding() string { return v.attributes["sdy.sharding"] + v.attributes["mhlo.sharding"] }

// signature finds @main in the text of an MLIR module and reads its arguments and results.
func signature(text string) (args, results []value, err error) {
	s := &scanner{text: text}
	for {
		if !s.until("func.func") {
			return nil, nil, fmt.Errorf("the program has no func.func @main in its text (%d bytes)", len(text))
		}
		s.space()
		for s.word("public") || s.word("private") || s.word("nested") {
			s.space()
		}
		if s.word("@main") {
			break
		}
	}
	s.space()
	if args, err = s.list(true); err != nil {
		return nil, nil, fmt.Errorf("arguments of @main: %w", err)
	}
	s.space()
	if !s.word("->") {
		return args, nil, nil
	}
	s.space()
	if s.peek() == '(' {
		results, err = s.list(false)
	} else {
		var typ string
		typ, err = s.typ()
		results = []value{{typ: typ}}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("results of @main: %w", err)
	}
	return args, results, nil
}

// A scanner walks over MLIR text.
type scanner struct {
	text string
	pos  int
}

func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// space skips white space and comments.
func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch {
		case strings.IndexByte(" \t\r\n", s.text[s.pos]) >= 0:
			s.pos++
		case strings.HasPrefix(s.text[s.pos:], "//"):
			s.line()
		default:
			return
		}
	}
}

// line skips to the end of the line.
func (s *scanner) line() {
	if i := strings.IndexByte(s.text[s.pos:], '\n'); i >= 0 {
		s.pos += i
	} else {
		s.pos = len(s.text)
	}
}

// quoted skips a string, at its opening quote.
func (s *scanner) quoted() {
	for s.pos++; s.pos < len(s.text) && s.text[s.pos] != '"'; s.pos++ {
		if s.text[s.pos] == '\\' {
			s.pos++
		}
	}
	s.pos = min(s.pos+1, len(s.text))
}

// word skips w if it is next and does not go on as a longer word.
func (s *scanner) word(w string) bool {
	rest := s.text[s.pos:]
	if !strings.HasPrefix(rest, w) || wordByte(w[len(w)-1]) && len(rest) > len(w) && wordByte(rest[len(w)]) {
		return false
	}
	s.pos += len(w)
	return true
}

func wordByte(c byte) bool {
	return c == '_' || c == '.' || c == '$' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// until moves behind the next w outside strings and comments.
func (s *scanner) until(w string) bool {
	for s.pos < len(s.text) {
		switch {
		case s.text[s.pos] == '"':
			s.quoted()
		case strings.HasPrefix(s.text[s.pos:], "//"):
			s.line()
		case (s.pos == 0 || !wordByte(s.text[s.pos-1])) && s.word(w):
			return true
		default:
			s.pos++
		}
	}
	return false
}

// balanced skips a bracketed text, at its opening bracket.
func (s *scanner) balanced() error {
	start, depth := s.pos, 0
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.quoted()
			continue
		case strings.HasPrefix(s.text[s.pos:], "//"):
			s.line()
			continue
		case strings.HasPrefix(s.text[s.pos:], "->"):
			s.pos++ // an arrow closes nothing
		case strings.IndexByte("<([{", c) >= 0:
			depth++
		case strings.IndexByte(">)]}", c) >= 0:
			depth--
		}
		s.pos++
		if depth == 0 {
			return nil
		}
	}
	return fmt.Errorf("unclosed %q at byte %d", s.text[start], start)
}

// typ reads a type such as tensor<2x3xf32> and returns it without white space.
func (s *scanner) typ() (string, error) {
	start := s.pos
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c == '<' {
			if err := s.balanced(); err != nil {
				return "", err
			}
		} else if wordByte(c) || c == '!' {
			s.pos++
		} else {
			break
		}
	}
	if s.pos == start {
		return "", fmt.Errorf("want a type at byte %d", start)
	}
	return strings.Join(strings.Fields(s.text[start:s.pos]), ""), nil
}

// list reads the arguments (with names) or results of a function, at the opening parenthesis.
func (s *scanner) list(named bool) ([]value, error) {
	if s.peek() != '(' {
		return nil, fmt.Errorf("want ( at byte %d", s.pos)
	}
	s.pos++
	var values []value
	for {
		s.space()
		if s.peek() == ')' {
			s.pos++
			return values, nil
		}
		if named {
			if s.peek() != '%' {
				return nil, fmt.Errorf("want %%name at byte %d", s.pos)
			}
			for s.pos++; wordByte(s.peek()) || s.peek() == '-'; s.pos++ {
			}
			s.space()
			if s.peek() != ':' {
				return nil, fmt.Errorf("want : at byte %d", s.pos)
			}
			s.pos++
			s.space()
		}
		v, err := s.value()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case ')':
		default:
			return nil, fmt.Errorf("want , or ) at byte %d", s.pos)
		}
	}
}

// value reads a type, an attribute dictionary if there is one, and skips a location.
func (s *scanner) value() (value, error) {
	typ, err := s.typ()
	if err != nil {
		return value{}, err
	}
	v := value{typ: typ, insert: s.pos}
	s.space()
	if s.peek() == '{' {
		v.hasDict, v.insert = true, s.pos+1
		start := s.pos + 1
		if err := s.balanced(); err != nil {
			return value{}, err
		}
		v.attributes = attributes(s.text[start : s.pos-1])
		s.space()
	}
	if s.word("loc") {
		s.space()
		if err := s.balanced(); err != nil {
			return value{}, err
		}
	}
	return v, nil
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
			val = strings.Join(strings.Fields(s.text[start:s.pos]), "")
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
