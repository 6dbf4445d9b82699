package xla

import (
	"fmt"
	"sync"

	"github.com/mocotpu/mocotpu/xla/hlo"
	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
)

// Memory is what one device needs to run a program, in bytes.
type Memory struct {
	Arguments   int64 // parameters, sharded as they are
	Outputs     int64 // results, including those that take over an argument's memory
	Aliased     int64 // of Outputs: memory taken over from arguments
	Temporaries int64
	Code        int64 // the program itself; the CPU engine says 0
	Peak        int64 // at the worst moment, as the compiler's schedule has it; 0 where the plugin does not say
}

// A Program is what one compilation made. Its methods may be called from several goroutines.
type Program struct {
	Name    string   // the computation's name
	Devices int      // partitions x replicas the program was compiled for
	Marked  int      // arguments marked as donated
	Ignored []string // why asked-for donations were not marked, one text each
	Loaded  bool     // from Options.Programs or Options.Saved, in place of compiling

	global  bool // over all devices of several processes
	text    string
	key     string // in Options.Programs, "" if it is not to be kept
	claim   func() // gives back what keeps others from compiling it, or nil
	options string // SHA-256 of those that it is compiled with
	engine  *Engine

	mu         sync.Mutex
	executable uintptr // our reference to the PJRT_Executable, 0 if released
	failed     *Error  // why it was not compiled
	refused    error   // by BeforeCompile, or because another process compiles something else
	memory     *Memory
	cost       map[string]float64
	optimized  *hlo.Module
}

// StableHLO returns the text that the compiler got, with the donations marked, every operation named by
// its layer, and the precision of products set (see Options.TF32). It is "" for the go engine.
func (p *Program) StableHLO() string { return p.text }

// Memory returns the compiler's memory statistics per device.
func (p *Program) Memory() (Memory, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.memory == nil {
		executable, err := p.readable()
		if err != nil {
			return Memory{}, err
		}
		m, err := p.engine.plugin.memory(executable)
		if err != nil {
			return Memory{}, err
		}
		if p.engine.name == "cpu" { // whose compiler counts no temporaries in the peak, which are one block there
			m.Peak = m.Arguments + m.Outputs - m.Aliased + m.Temporaries
		}
		p.memory = &m
	}
	return *p.memory, nil
}

// Cost returns the compiler's cost analysis per device; keys that matter are "flops", "bytes accessed" and
// "optimal_seconds" (TPU only; it can be negative). The caller must not change the map.
func (p *Program) Cost() (map[string]float64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cost == nil {
		executable, err := p.readable()
		if err != nil {
			return nil, err
		}
		if p.cost, err = p.engine.plugin.cost(executable); err != nil {
			return nil, err
		}
	}
	return p.cost, nil
}

// Optimized returns the program that the compiler made: one device's part of it, after partitioning and fusion. The
// caller must not change it.
func (p *Program) Optimized() (*hlo.Module, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.optimized == nil {
		executable, err := p.readable()
		if err != nil {
			return nil, err
		}
		format, data, err := p.engine.plugin.optimized(executable)
		if err != nil {
			return nil, err
		}
		if p.optimized, err = hlo.Read(format, data); err != nil {
			return nil, fmt.Errorf("xla: program %s: %w", p.Name, err)
		}
	}
	return p.optimized, nil
}

// Serialized returns the optimized program as the plugin gives it, for hlo.Read and XLA's own tools: format "hlo" is an
// HloModuleProto, "hlo_with_config" an HloModuleProtoWithConfig.
func (p *Program) Serialized() (format string, data []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	executable, err := p.readable()
	if err != nil {
		return "", nil, err
	}
	return p.engine.plugin.optimized(executable)
}

// readable returns the executable; the caller holds p.mu.
func (p *Program) readable() (uintptr, error) {
	switch {
	case p.engine.plugin == nil:
		return 0, &Error{Op: "reading program " + p.Name, Code: Unimplemented, Msg: "the go engine interprets it, there is no compiled program"}
	case p.executable == 0:
		return 0, fmt.Errorf("%w: %s", ErrReleased, p.Name)
	}
	return p.executable, nil
}

// release gives the executable back.
func (p *Program) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.executable == 0 {
		return
	}
	_ = p.engine.plugin.release(p.executable) // nobody could act on it
	p.executable = 0
}

// begin prepares the compilation of a program; the caller holds e.compile.
func (e *Engine) begin(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = &Program{Name: name, engine: e, Devices: 1}
	if e.plugin == nil {
		e.count++
		e.donated = nil
	}
}

// admit looks at a program on its way to the compiler and returns what the compiler gets instead. It is called back from
// our table while a builder compiles.
func (e *Engine) admit(format, text string, options []byte) (*Program, string, error) {
	e.mu.Lock()
	p, aliases, before := e.current, e.donated, e.before
	e.donated = nil
	e.mu.Unlock()
	devices, err := hlo.Devices(options)
	if err != nil {
		return nil, "", err
	}
	if p.global {
		devices = e.devices
		if text, err = stablehlo.Widen(text, devices); err != nil {
			return nil, "", fmt.Errorf("%s: over several processes: %w", p.Name, err)
		}
	}
	if devices > e.devices {
		return nil, "", fmt.Errorf("%s: the program is for %d devices, the engine has %d: open it with more, or use a smaller mesh",
			p.Name, devices, e.devices)
	}
	p.Devices = devices
	if format == "mlir" {
		if text, p.Marked, p.Ignored, err = prepare(text, aliases, e.exact, e.ofGPUs, devices); err != nil {
			return nil, "", fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	p.text = text
	if p.global {
		p.refused = e.several.agree(p)
	}
	if before != nil && p.refused == nil {
		p.refused = before(p) // without the lock: it may ask the engine
	}
	return p, text, p.refused
}

// compiled takes over our reference to the executable, 0 where there is none.
func (p *Program) compiled(executable uintptr, loaded bool) {
	p.mu.Lock()
	p.executable, p.Loaded = executable, loaded
	p.mu.Unlock()
	e := p.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if loaded {
		e.loaded++
	} else {
		e.count++
	}
}

// end returns the error of a compilation with PJRT's code and text, or keeps the program; the caller holds e.compile.
func (e *Engine) end(err error) (*Program, error) {
	e.mu.Lock()
	p := e.current
	e.current = nil
	var old *Program
	if err == nil {
		if e.programs = append(e.programs, p); len(e.programs) > e.kept {
			old, e.programs = e.programs[0], e.programs[1:]
		}
	}
	e.mu.Unlock()
	if old != nil {
		old.release()
	}
	if err == nil {
		return p, nil
	}
	p.release()
	switch {
	case p.refused != nil:
		return nil, p.refused
	case p.failed != nil:
		return nil, p.failed
	}
	return nil, asError("compile", err)
}
