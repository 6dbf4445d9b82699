package plan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/hlo"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// A Compilation is what a compiler made of a program for one device of a target. Bytes and flops are a device's.
type Compilation struct {
	Target   string     `json:"target"`   // what it was compiled for, as given
	Compiler string     `json:"compiler"` // xla.Engine.PluginVersion
	Devices  int        `json:"devices"`
	Marked   int        `json:"marked"` // donated arguments
	Made     time.Time  `json:"made"`
	Seconds  float64    `json:"seconds"` // that the compiler took
	Failure  string     `json:"failure"` // why the program does not fit the device's memory, "" if it does
	Memory   xla.Memory `json:"memory"`  // zero where the compiler failed, as are the next two
	// Cost is the compiler's own analysis, nil where it has none: for GPUs.
	Cost map[string]float64 `json:"cost"`
	// Optimized is the serialized program after the compiler, in the format Format (see hlo.Read).
	Optimized []byte `json:"optimized"`
	Format    string `json:"format"`
	// Program is the text that the compiler got, in StableHLO.
	Program string `json:"program"`
	// HostBytes is the most memory that the process took until the compiler was done: of a process that does nothing
	// else, what compiling takes.
	HostBytes int64 `json:"host_bytes"`
	// Saved is the file of the program, for xla.Options.Saved: of one that fits, if it was asked for.
	Saved []byte `json:"saved,omitempty"`
	// Stored says that it comes from a store.
	Stored bool `json:"stored"`
}

// Fits tells whether the program has room in the device's memory, as far as it was tried.
func (c *Compilation) Fits() bool { return c.Failure == "" }

// Compiled tells whether there is a program after the compiler.
func (c *Compilation) Compiled() bool { return len(c.Optimized) > 0 }

// Module reads the program after the compiler.
func (c *Compilation) Module() (*hlo.Module, error) {
	if !c.Compiled() {
		return nil, fmt.Errorf("plan: the program for %s does not fit, there is no compiled one", c.Target)
	}
	return hlo.Read(c.Format, c.Optimized)
}

// pack is the compilation as a store keeps it: gzipped JSON.
func (c *Compilation) pack() ([]byte, error) {
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	err := errors.Join(json.NewEncoder(packed).Encode(c), packed.Close())
	return b.Bytes(), err
}

// unpack reads what pack made.
func unpack(content []byte) (*Compilation, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	c := &Compilation{}
	if err := json.NewDecoder(unpacked).Decode(c); err != nil {
		return nil, err
	}
	c.Stored = true
	return c, nil
}

// find returns what the store has, nil where it must be compiled. The store is told what is wrong with it.
func find(store *programs.Store, key, target string) *Compilation {
	content, err := store.Get(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var c *Compilation
	if err == nil {
		c, err = unpack(content)
	}
	if err != nil {
		store.Tell(fmt.Errorf("plan: the program for %s is compiled again: %w", target, err))
	}
	return c
}

// keep puts a compilation into the store, which is told what is wrong with it.
func keep(store *programs.Store, key string, c *Compilation) {
	content, err := c.pack()
	if err == nil {
		err = store.Put(key, content)
	}
	if err != nil {
		store.Tell(fmt.Errorf("plan: the program for %s is not kept: %w", c.Target, err))
	}
}

// keyOf identifies a compilation: by the program's text, the target, and what decides what the compiler makes of it.
func keyOf(program, target string, inputs []string) string {
	return programs.Key(programs.Ahead, append([]string{program, target}, inputs...)...)
}

// dumps tells whether the compiler is to leave files of what it does: whoever asks for them wants to see it compile.
func dumps(inputs []string) bool {
	return slices.ContainsFunc(inputs, func(input string) bool { return strings.Contains(input, "xla_dump_") })
}

// errStored stops a compilation whose result is in the store.
var errStored = errors.New("plan: compiled before")

// Compile returns what the engine's compiler makes of the one program that build compiles on it, from the store if it is
// there (store may be nil). target, beside program and compiler, identifies a compilation. A program that does not fit is no
// error, see Compilation.Failure; nor is anything that is wrong with the store.
//
// The compiler runs in this process, and cannot be stopped: see [InChild].
func Compile(e *xla.Engine, target string, store *programs.Store, build func() error) (*Compilation, error) {
	return compile(e, target, false, store, nil, build)
}

// compile is Compile, which also saves the program, with what it was built from, unless source is nil. It then takes nothing from
// the store, which has no program to run. here says that the target is this machine, where what does not fit may fit when others
// have given back their memory: a failure is not kept.
func compile(e *xla.Engine, target string, here bool, store *programs.Store, source json.RawMessage, build func() error) (*Compilation, error) {
	inputs, err := e.CompilerInputs()
	if err != nil && store != nil {
		store.Tell(fmt.Errorf("plan: compiled programs are not kept: %w", err))
	}
	if err != nil || dumps(inputs) {
		store = nil
	}
	var stored *Compilation
	var unsavable error
	var program *xla.Program
	var key string
	var start time.Time
	e.BeforeCompile(func(p *xla.Program) error {
		if program != nil {
			return errors.New("plan: a second program, want one")
		}
		program = p
		key = keyOf(p.StableHLO(), target, inputs)
		if store != nil && source == nil {
			if stored = find(store, key, target); stored != nil {
				return errStored
			}
		}
		if source != nil {
			unsavable = p.Savable()
		}
		start = time.Now()
		return unsavable
	})
	defer e.BeforeCompile(nil)
	err = build()
	switch {
	case errors.Is(err, errStored):
		return stored, nil
	case unsavable != nil:
		return nil, unsavable
	}
	c := &Compilation{Target: target, Compiler: e.PluginVersion(), Devices: e.NumDevices(), Made: start}
	if program != nil {
		c.Seconds = time.Since(start).Seconds()
		c.HostBytes = mostMemory()
		c.Program, c.Devices, c.Marked = program.StableHLO(), program.Devices, program.Marked
	}
	var failed *xla.Error
	switch {
	case errors.As(err, &failed) && failed.Code == xla.ResourceExhausted:
		c.Failure = failed.Msg
	case err != nil:
		return nil, err
	case program == nil:
		return nil, errors.New("plan: nothing was compiled: the go engine has no compiler")
	default:
		if err := c.read(program); err != nil {
			return nil, err
		}
	}
	if store != nil && !(here && c.Failure != "") {
		keep(store, key, c)
	}
	if source != nil && c.Compiled() {
		if c.Saved, err = program.Save(source); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// read takes over what the compiler says about its program.
func (c *Compilation) read(p *xla.Program) (err error) {
	if c.Memory, err = p.Memory(); err != nil {
		return err
	}
	var failed *xla.Error
	if c.Cost, err = p.Cost(); err != nil && !(errors.As(err, &failed) && failed.Code == xla.Unimplemented) {
		return err // the CUDA plugin has no cost analysis, see timeOf
	}
	c.Format, c.Optimized, err = p.Serialized()
	return err
}
