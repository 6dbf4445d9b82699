package xla

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla/setup"
)

// ErrNoPlugin says that the plugin of an engine is not installed (setup.ErrNotInstalled) or not where Options.Plugin has
// it; the text says how to get it.
var ErrNoPlugin = errors.New("xla: no plugin")

// ErrOptions says that an engine is asked for what no engine does, by Options or by a variable of the environment.
var ErrOptions = errors.New("xla: unusable options")

// ErrClosed says that the engine was closed.
var ErrClosed = errors.New("xla: the engine is closed")

// ErrReleased says that a program's executable was given back (Engine.Release, Engine.Close, or by newer programs).
var ErrReleased = errors.New("xla: the program was released")

// An Error is a failed PJRT call with PJRT's code and its whole text.
type Error struct {
	Op   string // what was tried: "compile", "execute", "create client", ...
	Code Code
	Msg  string
	// Program is what was compiled or executed, nil for other calls. What can be read of it is what the compiler made.
	Program *Program
}

// Is makes [ErrOptions] of a client that could not be made because of what it was asked for, and of wrong XLA_FLAGS, and
// [setup.ErrNoDevice] of a TPU's that could not be opened because there is none.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrOptions:
		return e.Code == InvalidArgument && (strings.HasPrefix(e.Op, "create ") || e.Op == "XLA_FLAGS")
	case setup.ErrNoDevice:
		return e.Code == NotFound && e.Op == openTPU
	}
	return false
}

// openTPU is the operation that fails where there is no TPU.
const openTPU = "open tpu"

func (e *Error) Error() string {
	return fmt.Sprintf("xla: %s: %s: %s", e.Op, e.Code, withRemedy(e.Msg))
}

// A Code is an error code of PJRT, which are those of absl.
type Code int

// Codes that a caller may act on.
const (
	InvalidArgument   Code = 3
	DeadlineExceeded  Code = 4 // a device made no progress for too long
	NotFound          Code = 5
	ResourceExhausted Code = 8 // usually out of device memory
	Unimplemented     Code = 12
	Internal          Code = 13
	Unavailable       Code = 14 // another process is gone, or did not come

	failedPrecondition Code = 9 // of a client: there is no device
)

var codeNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
	"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

func (c Code) String() string {
	if c < 0 || int(c) >= len(codeNames) {
		return "code " + strconv.Itoa(int(c))
	}
	return codeNames[c]
}

var pjrtError = regexp.MustCompile(`(?s)PJRT error \(code=(\d+)\): (.*)$`)

// asError recovers code and text from an error of go-xla, which keeps them in its message only. Other errors are
// returned as they are, with op in front.
func asError(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	if m := pjrtError.FindStringSubmatch(err.Error()); m != nil {
		code, _ := strconv.Atoi(m[1])
		return &Error{Op: op, Code: Code(code), Msg: m[2]}
	}
	return fmt.Errorf("xla: %s: %w", op, err)
}
