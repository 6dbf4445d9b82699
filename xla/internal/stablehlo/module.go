package stablehlo

import (
	"fmt"
	"strconv"
)

// Widen makes a program for so many devices of one for fewer: it sets the module's number of partitions, and the size of its
// meshes, each of which must have one axis and no order of devices of its own. Shapes in a module are of whole arrays, so
// nothing else changes.
func Widen(text string, devices int) (string, error) {
	s := &scanner{text: text}
	size := strconv.Itoa(devices)
	partitions, err := s.partitions()
	if err != nil {
		return "", err
	}
	edits := []Edit{{partitions[0], partitions[1], size}}
	end := len(text) // of the header: meshes stand before what uses them
	if f := (&scanner{text: text, pos: s.pos}); f.until("func.func") {
		end = f.pos
	}
	for s.text = text[:end]; s.until("sdy.mesh"); {
		at, err := s.onlyAxis()
		if err != nil {
			return "", fmt.Errorf("a mesh of the module: %w", err)
		}
		edits = append(edits, Edit{at[0], at[1], size})
	}
	if len(edits) == 1 {
		return "", fmt.Errorf("the module has no mesh before its functions (%d bytes)", len(text))
	}
	return (&Function{text: text}).Apply(edits), nil
}

// partitions reads the module's name and attributes, and returns where its number of partitions stands.
func (s *scanner) partitions() (at [2]int, err error) {
	const name = "stablehlo.num_partitions"
	if !s.until("module") {
		return at, fmt.Errorf("the text has no module (%d bytes)", len(s.text))
	}
	if s.space(); s.peek() == '@' {
		if s.pos++; s.peek() == '"' {
			s.quoted()
		}
		for wordByte(s.peek()) {
			s.pos++
		}
	}
	if s.space(); !s.word("attributes") {
		return at, fmt.Errorf("the module has no attributes, want %s", name)
	}
	s.space()
	from := s.pos
	if err := s.balanced(); err != nil {
		return at, fmt.Errorf("attributes of the module: %w", err)
	}
	inside := &scanner{text: s.text[:s.pos], pos: from}
	if !inside.until(name) {
		return at, fmt.Errorf("the module's attributes have no %s", name)
	}
	inside.space()
	if err := inside.byte('='); err != nil {
		return at, err
	}
	inside.space()
	return inside.number()
}

// onlyAxis reads a mesh behind its keyword, such as @mesh = <["data"=8]>, and returns where the size of its axis stands.
func (s *scanner) onlyAxis() (at [2]int, err error) {
	s.space()
	if err := s.byte('@'); err != nil {
		return at, err
	}
	for wordByte(s.peek()) {
		s.pos++
	}
	for _, c := range []byte("=<[") {
		s.space()
		if err := s.byte(c); err != nil {
			return at, err
		}
	}
	if s.space(); s.peek() != '"' {
		return at, fmt.Errorf("want the name of an axis at byte %d", s.pos)
	}
	s.quoted()
	s.space()
	if err := s.byte('='); err != nil {
		return at, err
	}
	s.space()
	if at, err = s.number(); err != nil {
		return at, err
	}
	for _, c := range []byte("]>") { // or it has another axis, or an order of devices
		s.space()
		if err := s.byte(c); err != nil {
			return at, err
		}
	}
	return at, nil
}

// number skips digits, and returns where they stand.
func (s *scanner) number() (at [2]int, err error) {
	at[0] = s.pos
	for digit(s.text, s.pos) {
		s.pos++
	}
	if at[1] = s.pos; at[0] == at[1] {
		return at, fmt.Errorf("want a number at byte %d", s.pos)
	}
	return at, nil
}
