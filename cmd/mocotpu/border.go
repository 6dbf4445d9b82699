package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// traceback is Go's variable that says how much a fatal error prints.
const traceback = "GOTRACEBACK"

// quietFaults starts the process once more, in place, with a runtime that prints no stacks: what cannot be recovered,
// such as a panic in a goroutine of a library, or memory that the system refuses, then prints one or two lines instead of
// two hundred. Only the environment can say so. GOTRACEBACK=all, set by the user, shows the stacks.
func quietFaults() {
	if _, set := os.LookupEnv(traceback); set {
		return
	}
	self, err := os.Executable()
	if err == nil && os.Setenv(traceback, "none") == nil {
		_ = syscall.Exec(self, os.Args, os.Environ()) // it returns where it fails, and all goes on as it is
	}
}

// limitMemory has Go collect garbage rather than grow beyond what the container has, unless the user says otherwise.
func limitMemory() {
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(limits.Memory() / 10 * 9)
	}
}

// faultLine is the most of a panic's text that is printed.
const faultLine = 300

// explainFault turns a panic into one sentence, and its stack into a file.
func explainFault(fault *guard.Panic, args []string) error {
	what, _, _ := strings.Cut(fmt.Sprint(fault.Value), "\n")
	if len(what) > faultLine {
		what = what[:faultLine] + "..."
	}
	name, err := keepStack(fault, args)
	if err != nil {
		return fmt.Errorf("a fault in the program, not in what you did: %s (its stack could not be written: %w)", what, err)
	}
	return fmt.Errorf("a fault in the program, not in what you did: %s: please report it with %s", what, name)
}

// keepStack writes what a report of the fault needs to a file of its own.
func keepStack(fault *guard.Panic, args []string) (name string, err error) {
	f, err := os.CreateTemp("", "mocotpu-fault-*.txt")
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "mocotpu %q\n\n%v\n\n%s", args, fault.Value, fault.Stack)
	if err == nil {
		err = writeVersions(f)
	}
	return f.Name(), errors.Join(err, f.Close())
}

// guarded calls run; a panic becomes an error that explains it.
func guarded(args []string, run func() error) error {
	err := guard.Call(run)
	var fault *guard.Panic
	if errors.As(err, &fault) {
		return explainFault(fault, args)
	}
	return err
}

// maxMessage bounds an error's text: a file can put anything into it.
const maxMessage = 8 << 10

// tell prints the error that ends cmd.
func tell(w io.Writer, cmd *cobra.Command, err error) {
	text := message(cmd, err)
	if len(text) > maxMessage {
		text = fmt.Sprintf("%s... (%d bytes more)", text[:maxMessage], len(text)-maxMessage)
	}
	fmt.Fprintln(w, "mocotpu:", text)
}
