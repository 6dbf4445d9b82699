package guard

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// traceback is Go's variable that says how much a fatal error prints.
const traceback = "GOTRACEBACK"

// Quiet starts the process once more, in place, with a runtime that prints no stacks: what cannot be recovered, such as
// a panic in a goroutine of a library, then prints one or two lines instead of two hundred. Only the environment can say so.
// GOTRACEBACK=all, set by the user, shows the stacks. Where the system refuses the Go heap memory, as under ulimit -v, the
// runtime prints them whatever the variable says: sizes are checked before, see package limits.
func Quiet() {
	if _, set := os.LookupEnv(traceback); set {
		return
	}
	self, err := os.Executable()
	if err == nil && os.Setenv(traceback, "none") == nil {
		_ = syscall.Exec(self, os.Args, os.Environ()) // it returns where it fails, and all goes on as it is
	}
}

// faultLine is the most of a panic's text that is printed.
const faultLine = 300

// Explain turns a panic among err's, of the command that args are, into one sentence, and its stack into a file of its own
// in the folder for temporary files, where versions writes what else a report of it needs. Another error stays as it is.
func Explain(err error, args []string, versions func(io.Writer) error) error {
	var fault *Panic
	if !errors.As(err, &fault) {
		return err
	}
	what, _, _ := strings.Cut(fmt.Sprint(fault.Value), "\n")
	if len(what) > faultLine {
		what = what[:faultLine] + "..."
	}
	name, err := fault.keep(args, versions)
	if err != nil {
		return fmt.Errorf("a fault in the program, not in what you did: %s (its stack could not be written: %w)", what, err)
	}
	return fmt.Errorf("a fault in the program, not in what you did: %s: please report it with %s", what, name)
}

// keep writes what a report of the fault needs.
func (p *Panic) keep(args []string, versions func(io.Writer) error) (name string, err error) {
	f, err := os.CreateTemp("", "mocotpu-fault-*.txt")
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "mocotpu %q\n\n%v\n\n%s", args, p.Value, p.Stack)
	if err == nil {
		err = versions(f)
	}
	return f.Name(), errors.Join(err, f.Close())
}
