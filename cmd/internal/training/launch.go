package training

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
)

// leastMemory is what a process that has opened an engine takes before it holds anything.
const leastMemory = 100 << 20

// Launch starts so many processes of this program with the arguments, which begin with train, and waits for them. The signal
// that ends the context is passed on. The error is an [Exited] where they fail.
func Launch(ctx context.Context, count int, args []string, stdout, stderr io.Writer) error {
	if count < 1 || len(args) == 0 || args[0] != "train" {
		return settings.Invalid(fmt.Errorf("launch of %d processes of %q, want at least one of train: mocotpu launch --processes=2 train", count, args))
	}
	for _, arg := range args { // of launch, which tells them the processes itself
		name, _, _ := strings.Cut(arg, "=")
		if slices.Contains([]string{"--processes", "--process", "--coordinator"}, name) {
			return settings.Invalid(fmt.Errorf("%s behind train is for processes that nothing launches: mocotpu launch --processes=2 train", name))
		}
	}
	if takes := limits.Product(int64(count), leastMemory); takes > limits.Memory() {
		return settings.Invalid(fmt.Errorf("launch --processes=%d takes %s of memory at least, of %s that there is: want at most %d",
			count, limits.Text(takes), limits.Text(limits.Memory()), max(1, limits.Memory()/leastMemory)))
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	guard.Unsaved.Store(true) // as far as this process knows
	signals := make(chan os.Signal, 1)
	defer context.AfterFunc(ctx, func() {
		var s guard.Signalled
		if errors.As(context.Cause(ctx), &s) {
			signals <- s.Signal
		}
	})()
	code, err := rendezvous.Launch{
		Processes: count, Args: append([]string{program}, args...), Stdout: stdout, Stderr: stderr, Signals: signals,
	}.Run()
	if err == nil && code != 0 {
		err = Exited(code)
	}
	return err
}

// Exited is the exit code of processes that have said themselves what was wrong.
type Exited int

func (e Exited) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
