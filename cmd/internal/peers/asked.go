package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// Asked is what the flags say of this process among several.
type Asked struct {
	// Coordinator is --coordinator, "" where it is not given.
	Coordinator string
	// Processes is --processes, 0 where it is not given, and 1 for this process alone, whatever the environment says.
	Processes int
	// Process is --process, -1 where it is not given.
	Process int
}

// config is what was asked for, or else what the environment says; several is false for a run of one process. The error is
// [settings.ErrInvalid].
func (a Asked) config() (c rendezvous.Config, several bool, err error) {
	given := a.Coordinator != "" || a.Process != -1
	switch {
	case a.Processes == 1 && !given:
		return c, false, nil
	case given || a.Processes != 0:
		if a.Processes < 2 || a.Coordinator == "" || a.Process == -1 {
			return c, false, settings.Invalid(errors.New("several processes take --coordinator=HOST:PORT and --processes, the same in all, and --process"))
		}
		c = rendezvous.Config{Coordinator: a.Coordinator, Index: a.Process, Count: a.Processes}
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

// Together calls run with the processes that were asked for, as [Together] does, or with nil for this process alone.
func (a Asked) Together(ctx context.Context, talk io.Writer, run func(*Peers) error) error {
	c, several, err := a.config()
	if err != nil {
		return err
	}
	if !several {
		return run(nil)
	}
	return Together(ctx, c, talk, run)
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
