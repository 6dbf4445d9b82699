package stablehlo

import (
	"fmt"
	"strings"
)

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
	return compact(s.text[start:s.pos]), nil
}

// compact leaves out white space.
func compact(text string) string { return strings.Join(strings.Fields(text), "") }

// name reads a value's name such as %arg0. It leaves out the number of a result (%5#1) and how many there are (%5:2).
func (s *scanner) name() (string, error) {
	start := s.pos
	if s.peek() == '%' {
		for s.pos++; wordByte(s.peek()) || s.peek() == '-'; s.pos++ {
		}
	}
	name := s.text[start:s.pos]
	if len(name) < 2 {
		return "", fmt.Errorf("want %%name at byte %d", start)
	}
	if s.peek() == '#' || s.peek() == ':' && digit(s.text, s.pos+1) {
		for s.pos++; digit(s.text, s.pos); s.pos++ {
		}
	}
	return name, nil
}

func digit(text string, at int) bool { return at < len(text) && '0' <= text[at] && text[at] <= '9' }

// byte skips c, which must be next.
func (s *scanner) byte(c byte) error {
	if s.peek() != c {
		return fmt.Errorf("want %c at byte %d", c, s.pos)
	}
	s.pos++
	return nil
}

// sequence reads what stands between parentheses, with commas in between, at the opening one.
func (s *scanner) sequence(read func() error) error {
	if err := s.byte('('); err != nil {
		return err
	}
	for s.space(); s.peek() != ')'; s.space() {
		if err := read(); err != nil {
			return err
		}
		switch s.space(); s.peek() {
		case ',':
			s.pos++
		case ')':
		default:
			return fmt.Errorf("want , or ) at byte %d", s.pos)
		}
	}
	s.pos++
	return nil
}

// location skips a location, if one is next, and reports whether there was one.
func (s *scanner) location() (bool, error) {
	if !s.word("loc") {
		return false, nil
	}
	s.space()
	return true, s.balanced()
}
