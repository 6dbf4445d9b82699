package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	unpickle "github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// Read reads one pickle, and no byte beyond it. Of functions and classes it takes those in
// allowed, and collections.OrderedDict.
func Read(r io.Reader, allowed []Global) (value any, err error) {
	defer func() {
		// The library trusts some lengths and types; what it trips over is a damaged or hostile file.
		if p := recover(); p != nil {
			value, err = nil, fmt.Errorf("pickle: damaged: %v", p)
		}
	}()
	text, err := scan(&byteReader{r})
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	u := unpickle.NewUnpickler(bytes.NewReader(text))
	u.FindClass = func(module, name string) (any, error) {
		g := Global{module, name}
		if !slices.Contains(allowed, g) {
			return nil, fmt.Errorf("%w: it asks for %s, which is not plain data", ErrRefused, g)
		}
		return class{g}, nil
	}
	u.PersistentLoad = func(id any) (any, error) { return persistent{id}, nil }
	loaded, err := u.Load()
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	c := converter{budget: maxValues}
	if value, err = c.value(loaded, 0); err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	return value, nil
}

// class is a Global to the library, which calls it.
type class struct{ Global }

// Call implements types.Callable, and does nothing.
func (c class) Call(args ...any) (any, error) { return call{c.Global, args}, nil }

type call struct {
	fn   Global
	args []any
}

type persistent struct{ id any }

const (
	// maxValues and maxDepth bound what a pickle unfolds into: it can refer to itself, and to one value many times.
	maxValues = 10_000_000
	maxDepth  = 100
)

// converter turns the library's values into ours.
type converter struct{ budget int }

func (c *converter) value(v any, depth int) (any, error) {
	if c.budget--; c.budget < 0 || depth > maxDepth {
		return nil, fmt.Errorf("%w: more than %d values, or nested more than %d deep", ErrRefused, maxValues, maxDepth)
	}
	depth++
	switch v := v.(type) {
	case nil, bool, int, float64, string, []byte:
		return v, nil
	case *types.List:
		all, err := c.values(*v, depth)
		return List(all), err
	case *types.Tuple:
		all, err := c.values(*v, depth)
		return Tuple(all), err
	case *types.Dict:
		d := make(Dict, 0, len(*v))
		for _, e := range *v {
			if err := c.add(&d, e.Key, e.Value, depth); err != nil {
				return nil, err
			}
		}
		return d, nil
	case *types.OrderedDict:
		d := make(Dict, 0, v.Len())
		for e := v.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			if err := c.add(&d, entry.Key, entry.Value, depth); err != nil {
				return nil, err
			}
		}
		return d, nil
	case class:
		return v.Global, nil
	case call:
		args, err := c.values(v.args, depth)
		return Call{v.fn, args}, err
	case persistent:
		id, err := c.value(v.id, depth)
		return Persistent{id}, err
	}
	return nil, fmt.Errorf("%w: a %T is not plain data", ErrRefused, v)
}

func (c *converter) values(all []any, depth int) ([]any, error) {
	converted := make([]any, len(all))
	for i, v := range all {
		var err error
		if converted[i], err = c.value(v, depth); err != nil {
			return nil, err
		}
	}
	return converted, nil
}

func (c *converter) add(d *Dict, key, value any, depth int) error {
	k, err := c.value(key, depth)
	if err != nil {
		return err
	}
	v, err := c.value(value, depth)
	*d = append(*d, Entry{k, v})
	return err
}
