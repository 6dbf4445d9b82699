package stablehlo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Edit puts a text in place of some bytes.
type Edit struct {
	from, to int
	text     string
}

// Attribute is the edit that gives an argument one more attribute, before those that it has.
func (v Value) Attribute(name, value string) Edit {
	text := name + " = " + value
	switch {
	case !v.hasDict:
		text = " {" + text + "}"
	case len(v.Attributes) > 0:
		text += ", "
	}
	return Edit{v.insert, v.insert, text}
}

// Locate is the edit that gives an operation a location, which it must not have.
func (o Operation) Locate(name string) Edit {
	return Edit{o.To, o.To, fmt.Sprintf(" loc(%q)", name)}
}

// Enum returns the edits that set every attribute #stablehlo<kind ...> of an operation to a value.
func (f *Function) Enum(o Operation, kind, value string) []Edit {
	var edits []Edit
	s := &scanner{text: f.text[:o.To], pos: o.From}
	for s.until("#stablehlo") {
		if !strings.HasPrefix(s.text[s.pos:], "<"+kind+" ") {
			continue
		}
		from := s.pos + 1
		if s.balanced() != nil {
			break
		}
		edits = append(edits, Edit{from, s.pos - 1, kind + " " + value})
	}
	return edits
}

// Apply returns the text with the edits, which must not overlap. Those at one place keep their order.
func (f *Function) Apply(edits []Edit) string {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int { return cmp.Compare(a.from, b.from) })
	var out strings.Builder
	out.Grow(len(f.text) + len(f.text)/4)
	at := 0
	for _, e := range edits {
		out.WriteString(f.text[at:e.from])
		out.WriteString(e.text)
		at = e.to
	}
	out.WriteString(f.text[at:])
	return out.String()
}
