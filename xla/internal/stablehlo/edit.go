package stablehlo

import (
	"cmp"
	"fmt"
	"regexp"
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

// Replace is the edit that puts a text in place of an operation.
func (o Operation) Replace(text string) Edit { return Edit{o.From, o.To, text} }

// Text is an operation as it is written, without its location.
func (f *Function) Text(o Operation) string { return f.text[o.From:o.To] }

// meshLine is Shardy's declaration of a mesh of one axis.
var meshLine = regexp.MustCompile(`sdy\.mesh @(\w+) = <\["(\w+)"=\d+\]>`)

// Mesh returns the names of the mesh and its axis that a program is written over, if it is one of one axis.
func (f *Function) Mesh() (mesh, axis string, ok bool) {
	found := meshLine.FindAllStringSubmatch(f.text, 2)
	if len(found) != 1 {
		return "", "", false
	}
	return found[0][1], found[0][2], true
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
