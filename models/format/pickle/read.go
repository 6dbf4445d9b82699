package pickle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A pickle is a program, and a small one can make a large value. What it may do is bounded here; the checkpoint of a
// ResNet-50 with its optimizer takes 30 000 instructions. How many bytes are read is the caller's to bound.
const (
	maxInstructions = 2_000_000
	maxText         = 1 << 20 // bytes of a string or a line
	// maxValues and maxDepth bound what a pickle unfolds into: it can refer to itself, and to one value many times.
	maxValues = 2_000_000
	maxDepth  = 100
)

// Read reads one pickle, and no byte beyond it where r is an io.ByteReader. Of functions and classes it takes those in
// allowed, and collections.OrderedDict.
func Read(r io.Reader, allowed []Global) (any, error) {
	in, ok := r.(byteReader)
	if !ok {
		in = bufio.NewReader(r)
	}
	m := machine{in: in, memo: map[int]any{}, allows: func(g Global) bool { return g == orderedDict || slices.Contains(allowed, g) }}
	value, err := m.run()
	if err == nil {
		u := unfolder{budget: maxValues}
		value, err = u.value(value, 0)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	return value, nil
}

type byteReader interface {
	io.Reader
	io.ByteReader
}

// orderedDict is read as a [Dict].
var orderedDict = Global{"collections", "OrderedDict"}

// unfolder turns the machine's values, which can share parts and hold themselves, into ours.
type unfolder struct{ budget int }

func (u *unfolder) value(v any, depth int) (any, error) {
	if u.budget--; u.budget < 0 || depth > maxDepth {
		return nil, fmt.Errorf("%w: more than %d values, or nested more than %d deep", ErrRefused, maxValues, maxDepth)
	}
	depth++
	switch v := v.(type) {
	case *list:
		all, err := u.values(v.values, depth)
		return List(all), err
	case *tuple:
		all, err := u.values(v.values, depth)
		return Tuple(all), err
	case *dict:
		d := make(Dict, 0, len(v.entries))
		for _, e := range v.entries {
			key, err := u.value(e.Key, depth)
			if err != nil {
				return nil, err
			}
			value, err := u.value(e.Value, depth)
			if err != nil {
				return nil, err
			}
			d = append(d, Entry{key, value})
		}
		return d, nil
	case *call:
		args, err := u.values(v.args.values, depth)
		return Call{v.fn, args}, err
	case *persistent:
		id, err := u.value(v.id, depth)
		return Persistent{id}, err
	}
	return v, nil // nil, bool, int, float64, string, []byte or Global
}

func (u *unfolder) values(all []any, depth int) ([]any, error) {
	// Before memory is taken: a list of a million is unfolded as often as it is referred to.
	if len(all) > u.budget {
		return nil, fmt.Errorf("%w: more than %d values", ErrRefused, maxValues)
	}
	unfolded := make([]any, len(all))
	for i, v := range all {
		var err error
		if unfolded[i], err = u.value(v, depth); err != nil {
			return nil, err
		}
	}
	return unfolded, nil
}
