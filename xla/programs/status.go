package programs

import (
	"fmt"
	"io"
)

// Kept is the user's store, see [Default], nil for none. What is wrong with it is written to talk, once: it costs time, and
// nothing else.
func Kept(talk io.Writer) *Store {
	tell := func(err error) { fmt.Fprintln(talk, "compiled programs:", err) }
	store, err := Default()
	if err != nil {
		tell(err)
		return nil
	}
	if store != nil {
		store.Told = tell
	}
	return store
}

// WriteStatus says where the user's compiled programs are kept and how much they are, after removing them if clear.
func WriteStatus(w io.Writer, clear bool) error {
	store, err := Default()
	switch {
	case err != nil:
		fmt.Fprintln(w, "compiled programs are not kept:", err)
		return nil
	case store == nil:
		fmt.Fprintf(w, "compiled programs are not kept: %s=%s\n", Variable, Off)
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
		kept.Programs, store.Dir, float64(kept.Bytes)/1e6, float64(defaultLimit)/1e9)
	return nil
}
