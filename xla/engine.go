package xla

import (
	"maps"
	"sync"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/xla/programs"
)

// keptPrograms is how many compiled programs an engine keeps readable; older ones are released.
const keptPrograms = 64

// An Engine compiles and runs GoMLX graphs. It is a compute.Backend: hand it to GoMLX as it is, and do not mix its
// buffers with those of the backend it embeds. Its methods may be called from several goroutines.
//
// An engine lives until Close: it is not garbage collected, so that it outlives every buffer and program made with it.
type Engine struct {
	compute.Backend         // the backend behind it
	name            string  // "go", "cpu", "cuda", "tpu"
	version         string  // of the plugin
	plugin          plugin  // nil for "go"
	client          uintptr // PJRT_Client, 0 for "go"
	devices         int
	exact           bool // float32 is multiplied as such: Options.TF32
	ofGPUs          bool // it asks for programs that suit GPUs
	kept            int  // keptPrograms but in a test
	skipped         []error
	stored          *stored         // nil: programs are compiled
	saved           *programs.Saved // one that is loaded instead, or nil
	several         *several        // nil: of this process alone

	use     use
	compile sync.Mutex // one compilation at a time

	mu       sync.Mutex  // guards what follows
	unfreed  []finalizer // of memory that devices may still read: never freed
	owned    map[uint64]finalizer
	lastID   uint64
	donated  map[int]int
	count    int // of compilations
	loaded   int // programs
	programs []*Program
	current  *Program // the last program admitted to the compiler
	before   func(*Program) error
}

// finalizer releases one buffer or executable of the backend.
type finalizer func() error

// engines holds the open engines, see Engine; clients are those of plugins by PJRT client.
var (
	engines sync.Map // *Engine -> true
	clients sync.Map // uintptr -> *Engine
)

func newEngine(name string, b compute.Backend) *Engine {
	e := &Engine{Backend: b, name: name, ofGPUs: name == "cuda", devices: b.NumDevices(), kept: keptPrograms, owned: map[uint64]finalizer{}}
	engines.Store(e, true)
	return e
}

// EngineName returns which engine it is: "go", "cpu", "cuda" or "tpu".
func (e *Engine) EngineName() string { return e.name }

// PlainLoops reports whether the engine is XLA's for CPUs, which hands convolutions, products and sums over long axes to
// libraries, and compiles the rest into plain loops: a long sum reads its operand from memory, a loop computes the small arrays
// that it reads again for each element, and windows are not vectorised.
func (e *Engine) PlainLoops() bool { return e.name == "cpu" }

// ConvolvesFaster says that its convolutions are faster than its products of matrices: oneDNN's kernels against Eigen's.
func (e *Engine) ConvolvesFaster() bool { return e.name == "cpu" }

// KernelsOutputFirst reports whether convolutions read kernels as [out, height, width, in], as cuDNN's do with images that
// have their channels last: XLA transposes others before each use, and their gradients after it.
func (e *Engine) KernelsOutputFirst() bool { return e.ofGPUs }

// StartsLoops reports whether each loop of a program is started by itself, a kernel of a GPU, which takes as long as
// several megabytes of its memory traffic.
func (e *Engine) StartsLoops() bool { return e.ofGPUs }

// ScattersInAnyOrder reports whether a scatter adds up in an order that differs from run to run: XLA's GPU engine uses
// atomic additions.
func (e *Engine) ScattersInAnyOrder() bool { return e.ofGPUs }

// RunsLoops reports whether the engine runs the loops of package mesh, which the Go engine does not: it compiles a closure
// before it rewrites the program, and then runs what it has compiled over the rewritten one.
func (e *Engine) RunsLoops() bool { return e.plugin != nil }

// PluginVersion returns what the plugin says about itself and its PJRT API, or "" for the go engine.
func (e *Engine) PluginVersion() string { return e.version }

// CompilerInputs are what decides, beside the program and the engine's options, what the compiler makes of it: the plugin's version,
// the environment, with the file of flags that XLA_FLAGS may name, the devices and, of the cpu engine, the processor. The go engine
// has none.
func (e *Engine) CompilerInputs() ([]string, error) {
	if e.plugin == nil {
		return nil, nil
	}
	o, err := e.originIn(compilerEnvironment())
	return append([]string{o.Engine, o.Plugin, o.Flags, o.Processor}, o.Devices...), err
}

// Skipped returns why Open("auto") took none of the engines it prefers, in their order. It is empty otherwise.
func (e *Engine) Skipped() []error { return e.skipped }

// NumDevices returns the number of devices that programs may use: Options.Devices if given, else all of the engine's; of
// all processes together where there are several.
func (e *Engine) NumDevices() int { return e.devices }

// Donate says which outputs of the next program that this engine compiles take over the memory of which parameters
// (parameter index -> output index, as in the program: GoMLX puts changed variables first among the outputs). XLA then
// updates the state in place instead of keeping old and new state side by side. The parameter's type must be the
// output's, otherwise that pair is ignored (Program.Marked counts those that were not); an index out of range refuses
// the program. It has an effect only if GoMLX donates the buffers at run time, too, which it does for variables that the
// graph changes. The go engine ignores it. The map is copied. Call it from the graph-building function, which runs right
// before its program is compiled.
func (e *Engine) Donate(aliases map[int]int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.donated = maps.Clone(aliases)
}

// BeforeCompile has f see each program just before the compiler gets it: its text is there (Program.StableHLO), the rest
// is not. An error of f's refuses the program and is the error of the compilation. f may read the engine, and must not compile with it; nil ends
// it.
func (e *Engine) BeforeCompile(f func(*Program) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.before = f
}

// Compiled returns how many programs were handed to the compiler so far.
func (e *Engine) Compiled() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

// Loaded returns how many programs were found in Options.Programs so far, and so not handed to the compiler.
func (e *Engine) Loaded() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.loaded
}

// Programs returns the programs compiled by this engine, oldest first, at most the last 64. The engine owns them: a
// program can be read until Release or Close, or until 64 newer ones exist; what was read before stays readable.
func (e *Engine) Programs() []*Program {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*Program(nil), e.programs...)
}

// Release forgets the programs compiled so far, so that executables that GoMLX has dropped free their memory. They go
// on running; they just can't be read any more.
func (e *Engine) Release() {
	e.mu.Lock()
	programs := e.programs
	e.programs = nil
	e.mu.Unlock()
	for _, p := range programs {
		p.release()
	}
}

// own registers something that must be freed before the client and returns its id.
func (e *Engine) own(free finalizer) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastID++
	e.owned[e.lastID] = free
	return e.lastID
}

// disown forgets an id without freeing it.
func (e *Engine) disown(id uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.owned, id)
}

// free frees what own registered, once.
func (e *Engine) free(id uint64) error {
	if e.enter() != nil {
		return nil // Close has freed it
	}
	defer e.leave()
	e.mu.Lock()
	free, ok := e.owned[id]
	delete(e.owned, id)
	e.mu.Unlock()
	if !ok {
		return nil
	}
	return free()
}
