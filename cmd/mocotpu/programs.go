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

// tellPrograms tells where compiled programs are kept and how much they are, after removing them if asked to.
func tellPrograms(w io.Writer, clear bool) error {
	store, err := programs.Default()
	switch {
	case err != nil:
		fmt.Fprintln(w, "compiled programs are not kept:", err)
		return nil
	case store == nil:
		fmt.Fprintf(w, "compiled programs are not kept: %s=%s\n", programs.Variable, programs.Off)
		return nil
	}
	if clear {
		gone, err := store.Clear()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d compiled program(s) removed, %.1f MB\n", gone.Programs, float64(gone.Bytes)/1e6)
	}
	kept, err := store.Usage()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d compiled program(s) kept in %s: %.1f MB of at most %.1f GB\n",
		kept.Programs, store.Dir, float64(kept.Bytes)/1e6, float64(programs.DefaultLimit)/1e9)
	return nil
}
