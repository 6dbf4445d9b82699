// Package pickle reads and writes Python's pickles as plain data. Nothing in a pickle is executed: the call of a Python
// function is a [Call], and a function or class that the caller does not name beforehand is an error.
//
// A value is nil, a bool, an int, a float64, a string, a []byte, a [List], a [Tuple], a [Dict], a [Global], a [Call] or a
// [Persistent].
//
// # Errors
//
// Everything returns errors. A pickle that refers to anything else is [ErrRefused].
package pickle

import "errors"

// ErrRefused says that a pickle asks for something that is not plain data and not on the caller's list.
var ErrRefused = errors.New("refused")

// List and Tuple are Python's.
type (
	List  []any
	Tuple []any
)

// Dict is Python's dict or collections.OrderedDict, in its order.
type Dict []Entry

// Entry is a key of a dict with its value.
type Entry struct{ Key, Value any }

// Get returns the value of a key.
func (d Dict) Get(key string) (any, bool) {
	for _, e := range d {
		if e.Key == key {
			return e.Value, true
		}
	}
	return nil, false
}

// Global names a function or class of a module.
type Global struct{ Module, Name string }

func (g Global) String() string { return g.Module + "." + g.Name }

// Call is what a function or class would make of its arguments.
type Call struct {
	Func Global
	Args Tuple
}

// Persistent is an object that lives outside the pickle.
type Persistent struct{ ID any }
