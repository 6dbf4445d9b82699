package xla

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// take has the engine load one program from a file, if it was compiled for such an engine.
func (e *Engine) take(saved *programs.Saved) error {
	if saved == nil {
		return nil
	}
	now := programs.Origin{Engine: e.name} // the go engine's
	if e.plugin != nil {
		var err error
		if now, err = e.origin(); err != nil {
			return err
		}
	}
	e.saved = saved
	return saved.Check(now)
}

// origin says what the engine is, to whoever compiles for it elsewhere.
func (e *Engine) origin() (programs.Origin, error) { return e.originIn(e.plugin.environment()) }

// originIn is origin in another environment, as far as compilers read it.
func (e *Engine) originIn(environment string) (programs.Origin, error) {
	o := programs.Origin{Engine: e.name, Plugin: e.version, Flags: environment, Devices: e.plugin.devices(e.client)}
	o.Devices = o.Devices[:min(e.devices, len(o.Devices))]
	slices.Sort(o.Devices) // each names itself, and a plugin may list those that are there in another order
	if e.name != "cpu" {   // which other machines compile for
		o.Flags = strings.Join(slices.DeleteFunc(strings.Split(o.Flags, "\n"), func(line string) bool {
			return slices.ContainsFunc(cpuVariables, func(name string) bool { return strings.HasPrefix(line, name) })
		}), "\n")
		return o, nil
	}
	processor, err := processor("/proc/cpuinfo")
	if err != nil {
		return o, err
	}
	o.Processor = fmt.Sprintf("%s, %d CPUs, %.12x", runtime.GOARCH, runtime.NumCPU(), sha256.Sum256([]byte(processor)))
	return o, nil
}

// described is what the compiler got, in the words of saved programs.
func (p *Program) described() (programs.Text, error) {
	main, err := stablehlo.Main(p.text)
	if err != nil {
		return programs.Text{}, err
	}
	name, _, _ := strings.Cut(p.Name, "#") // after which GoMLX counts
	t := programs.Text{Name: name, Options: p.options, Program: fmt.Sprintf("%x", sha256.Sum256([]byte(withoutName(p.text))))}
	for _, arg := range main.Args {
		t.Inputs = append(t.Inputs, strings.TrimSuffix(strings.TrimPrefix(arg.Type, "tensor<"), ">"))
	}
	return t, nil
}

// load returns the program from the file that the engine was opened with, nil if that is another one's.
func (p *Program) load() ([]byte, error) {
	saved := p.engine.saved
	if saved == nil {
		return nil, nil
	}
	now, err := p.described()
	if err != nil || now.Name != saved.Name {
		return nil, err
	}
	return saved.Load(now)
}

// Savable is what Save fails with for a program that must not be loaded, a settings.ErrInvalid; it is known before the program is
// compiled.
func (p *Program) Savable() error {
	if !p.disordered() {
		return nil
	}
	return settings.Invalid(fmt.Errorf("xla: program %s has loops and runs on %d CPU devices: loaded from a file it might wait for ever, "+
		"because XLA's CPU engine keeps no order between the exchanges in a loop and those beside it: save it for one device", p.Name, p.Devices))
}

// Save returns the program as a file for [Options.Saved], with what it was built from as JSON (or nil) beside it. The error is
// Unimplemented where the plugin cannot serialize a program.
func (p *Program) Save(source json.RawMessage) ([]byte, error) {
	if err := p.Savable(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	executable, err := p.readable()
	if err != nil {
		return nil, err
	}
	serialized, err := p.engine.plugin.serialized(executable)
	if err != nil {
		return nil, fmt.Errorf("xla: saving program %s: %w", p.Name, err)
	}
	origin, err := p.engine.origin()
	if err != nil {
		return nil, err
	}
	text, err := p.described()
	if err != nil {
		return nil, err
	}
	return programs.Encode(origin, text, source, serialized)
}

// unloadable is the error of a plugin that refuses what it serialized earlier.
func (p *Program) unloadable(text string) error {
	return settings.Invalid(fmt.Errorf("xla: the plugin refuses the program saved in %s: compile it again (mocotpu compile --save): %w",
		p.engine.saved.Path, errors.New(text)))
}
