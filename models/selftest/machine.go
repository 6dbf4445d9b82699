package selftest

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// Engine is an engine under test; that of package xla is one.
type Engine interface {
	compute.Backend
	// EngineName is go, cpu, cuda or tpu, and PluginVersion what its plugin says of itself.
	EngineName() string
	PluginVersion() string
	// Compiled counts the programs that it has compiled, and Loaded those that it found compiled in Opening.Programs.
	Compiled() int
	Loaded() int
	Close()
}

// Opening says how an engine is opened.
type Opening struct {
	// TF32 lets the cuda engine round what float32 convolutions multiply to 10 bits. The others ignore it.
	TF32 bool
	// Programs is a folder in which compiled programs are kept, "" for none.
	Programs string
}

// Memory is what one device needs to run a program, in bytes: Aliased is the part of Outputs that takes over the memory
// of Arguments.
type Memory struct{ Arguments, Outputs, Aliased, Temporaries int64 }

// Total is all of it.
func (m Memory) Total() int64 { return m.Arguments + m.Outputs - m.Aliased + m.Temporaries }

// Machine is what is tested.
type Machine struct {
	// Open opens the engine with the devices that are to be tested. One is open at a time.
	Open func(Opening) (Engine, error)
	// Planned is what the compiler says of the program compiled last. The error is [ErrUnknown] where it says nothing.
	Planned func(Engine) (Memory, error)
	// Used is what the allocator of the first device has given out, now and at most. The error is [ErrUnknown] where it
	// does not say.
	Used func(Engine) (now, most int64, err error)
	// OutOfMemory tells whether an error says that a device has no memory left.
	OutOfMemory func(error) bool
	// Train is the command that trains in a process of its own: a program and its arguments. Others are added.
	Train []string
}

// ErrUnknown is what an engine does not say.
var ErrUnknown = errors.New("the engine does not say")

// Arithmetic is how many bits of a number an engine multiplies in convolutions: float32, tf32 or bfloat16.
type Arithmetic string

// arithmetic is what an engine makes of a precision that it is asked for: a TPU convolves in bfloat16, whatever is asked.
func arithmetic(engine, precision string) Arithmetic {
	if engine == "tpu" {
		return resnet.BFloat16
	}
	return Arithmetic(precision)
}

// precisions are those that an engine is tested with.
func precisions(engine string) []string {
	switch engine {
	case "go":
		return []string{resnet.Float32}
	case "cuda":
		return []string{resnet.Float32, resnet.TF32, resnet.BFloat16}
	}
	return []string{resnet.Float32, resnet.BFloat16}
}

// Check is one thing that is tested.
type Check struct {
	// Name is a word or two; What is a sentence.
	Name, What string
	// run does it and notes figures. The error is [cannot] where this engine cannot be put to it.
	run func(ctx context.Context, s *session, r *Result) error
}

// cannot says why a check is left out.
type cannot struct{ why string }

func (c cannot) Error() string { return c.why }

func cannotf(format string, args ...any) error { return cannot{fmt.Sprintf(format, args...)} }
