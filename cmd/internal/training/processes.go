package training

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// Processes is what the flags say of this process among several.
type Processes struct {
	// Coordinator is --coordinator, "" where it is not given.
	Coordinator string
	// Count is --processes, 0 where it is not given, and 1 for this process alone, whatever the environment says.
	Count int
	// Index is --process, -1 where it is not given.
	Index int
}

// config is what was asked for, or else what the environment says; several is false for a run of one process. The error is
// [settings.ErrInvalid].
func (p Processes) config() (c rendezvous.Config, several bool, err error) {
	given := p.Coordinator != "" || p.Index != -1
	switch {
	case p.Count == 1 && !given:
		return c, false, nil
	case given || p.Count != 0:
		if p.Count < 2 || p.Coordinator == "" || p.Index == -1 {
			return c, false, settings.Invalid(errors.New("several processes take --coordinator=HOST:PORT and --processes, the same in all, and --process"))
		}
		c = rendezvous.Config{Coordinator: p.Coordinator, Index: p.Index, Count: p.Count}
	default:
		found, several, err := rendezvous.Detect(os.Getenv)
		if err != nil {
			return c, false, settings.Invalid(err)
		}
		if !several {
			return c, false, nil
		}
		c = rendezvous.Config{Coordinator: found.Coordinator, Index: found.Index, Count: found.Count}
	}
	if c.Secret, err = rendezvous.Secret(); err == nil {
		err = c.Validate()
	}
	if err != nil {
		return c, false, settings.Invalid(err)
	}
	return c, true, nil
}

// WriteStatus says what runs over several processes, and whether this process would be one of them.
func WriteStatus(w io.Writer) {
	fmt.Fprintf(w, "several processes: %s\n", setup.SeveralProcesses())
	found, several, err := rendezvous.Detect(os.Getenv)
	switch {
	case err != nil:
		fmt.Fprintf(w, "  the environment is incomplete: %v\n", err)
	case several:
		fmt.Fprintf(w, "  %s: process %d of %d, process 0 at %s\n", found.Launcher, found.Index, found.Count, found.Coordinator)
	}
}
