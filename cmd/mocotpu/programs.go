package main

import (
	"fmt"
	"io"

	"github.com/mocotpu/mocotpu/xla/programs"
)

// keptPrograms is the user's store of compiled programs, nil for none. Whatever is wrong with it is told to talk: it
// costs time, and nothing else.
func keptPrograms(talk io.Writer) *programs.Store {
	tell := func(err error) { fmt.Fprintln(talk, "compiled programs:", err) }
	store, err := programs.Default()
	if err != nil {
		tell(err)
		return nil
	}
	if store != nil {
		store.Told = tell
	}
	return store
}
