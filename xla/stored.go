package xla

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/mocotpu/mocotpu/xla/programs"
)

// stored is where an engine finds and puts compiled programs.
type stored struct {
	*programs.Store
	// compiler is everything but the program that decides what is made of it: two engines with the same compiler may
	// exchange what they compile.
	compiler []string
}

// keep has the engine use a store, where it can be told what the compiler is.
func (e *Engine) keep(store *programs.Store, found foundPlugin) {
	if store == nil || strings.Contains(e.plugin.environment(), "xla_dump_") { // whoever dumps wants to see it compile
		return
	}
	compiler, err := e.describeCompiler(found)
	if err != nil {
		store.Tell(fmt.Errorf("compiled programs are not kept: %w", err))
		return
	}
	e.stored = &stored{Store: store, compiler: compiler}
}

// find returns the compiled program from the store, nil where it must be compiled.
func (p *Program) find(options string) []byte {
	s := p.engine.stored
	if s == nil || p.disordered() {
		return nil
	}
	p.key = programs.Key(programs.Running, append([]string{withoutName(p.text), options}, s.compiler...)...)
	// Another process may be compiling it: those of a run on one machine begin at once.
	found, claim, err := s.GetOrClaim(p.key, p.waits)
	p.claim = claim
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.tell("compiled again", err)
	}
	return found
}

func (p *Program) waits() {
	notice(fmt.Sprintf("still waiting for another process, which compiles the same program, %s: at most ten minutes", p.Name))
}

// disordered reports whether the engine would lose the order of a program's exchanges when it loads the program. XLA's CPU
// runtime runs what does not depend on one another side by side, but for collectives: those share a resource, which puts
// them in one order on all devices. What is read from a serialized program gets one such resource for each sequence of
// operations (ThunkSequenceSerDesProtobuf, xla/backends/cpu/runtime/thunk_proto_serdes.cc), so that a collective in the body
// of a loop and one beside the loop are in no order, and devices that take them in different ones wait for each other.
func (p *Program) disordered() bool {
	return p.engine.name == "cpu" && p.Devices > 1 && nested.MatchString(p.text)
}

// nested finds the operations with a sequence of their own.
var nested = regexp.MustCompile(`stablehlo\.(while|case|if)\b`)

// withoutName is a program's text without its module's name, in which GoMLX counts the programs of a graph function.
func withoutName(text string) string {
	if unnamed, ok := strings.CutPrefix(text, "module @"); ok {
		return strings.TrimLeft(unnamed, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.-")
	}
	return text
}

// store keeps what was compiled just now, and lets the others go who wait for it. A plugin that cannot serialize it keeps
// nothing.
func (p *Program) store() {
	if p.claim != nil {
		defer p.claim()
	}
	p.mu.Lock()
	executable := p.executable
	p.mu.Unlock()
	if p.key == "" || p.Loaded || executable == 0 {
		return
	}
	serialized, err := p.engine.plugin.serialized(executable)
	if err == nil {
		err = p.engine.stored.Put(p.key, serialized)
	}
	var failed *Error
	if err != nil && !(errors.As(err, &failed) && failed.Code == Unimplemented) {
		p.tell("not kept", err)
	}
}

// tell passes on what keeps a program from being loaded or kept.
func (p *Program) tell(outcome string, err error) {
	p.engine.stored.Tell(fmt.Errorf("xla: program %s is %s: %w", p.Name, outcome, err))
}
