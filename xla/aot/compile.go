package aot

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/hlo"
)

// A Compilation is what a compiler made of a program for one device of a target. Bytes and flops are a device's.
type Compilation struct {
	Target   string             `json:"target"`   // what it was compiled for, as given
	Compiler string             `json:"compiler"` // xla.Engine.PluginVersion
	Devices  int                `json:"devices"`
	Marked   int                `json:"marked"` // donated arguments
	Made     time.Time          `json:"made"`
	Seconds  float64            `json:"seconds"` // that the compiler took
	Failure  string             `json:"failure"` // why the program does not fit the device's memory, "" if it does
	Memory   xla.Memory         `json:"memory"`  // zero where the compiler failed, as are the next two
	Cost     map[string]float64 `json:"cost"`
	// Optimized is the serialized program after the compiler, in the format Format (see hlo.Read).
	Optimized []byte `json:"optimized"`
	Format    string `json:"format"`
	// Program is the text that the compiler got, in StableHLO.
	Program string `json:"program"`
	// HostBytes is the most memory that the process took until the compiler was done: of a process that does nothing
	// else, what compiling takes.
	HostBytes int64 `json:"host_bytes"`
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
		return nil, fmt.Errorf("aot: the program for %s does not fit, there is no compiled one", c.Target)
	}
	return hlo.Read(c.Format, c.Optimized)
}

// errStored stops a compilation whose result is in the store.
var errStored = errors.New("aot: compiled before")

// Compile returns what the engine's compiler makes of the one program that build compiles on it, from the store if it is
// there (store may be nil). target is part of what identifies a compilation.
func Compile(e *xla.Engine, target string, store *Store, build func() error) (*Compilation, error) {
	var stored *Compilation
	var program *xla.Program
	var key string
	var start time.Time
	e.BeforeCompile(func(p *xla.Program) error {
		if program != nil {
			return errors.New("aot: a second program, want one")
		}
		program = p
		key = Key(p.StableHLO(), e.PluginVersion(), target)
		if store != nil {
			c, err := store.Get(key)
			switch {
			case err == nil:
				stored = c
				return errStored
			case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrDamaged):
				return err
			}
		}
		start = time.Now()
		return nil
	})
	defer e.BeforeCompile(nil)
	err := build()
	if errors.Is(err, errStored) {
		return stored, nil
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
		return nil, errors.New("aot: nothing was compiled: the go engine has no compiler")
	default:
		if err := c.read(program); err != nil {
			return nil, err
		}
	}
	if store != nil {
		if err := store.Put(key, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// OutOfMemory is what is known of a program that an engine had no memory for (xla.ResourceExhausted): its failure, and
// where it failed in running all that the compiler made of it.
func OutOfMemory(e *xla.Engine, target string, failed *xla.Error) (*Compilation, error) {
	p := failed.Program
	c := &Compilation{
		Target: target, Compiler: e.PluginVersion(), Devices: p.Devices, Marked: p.Marked, Program: p.StableHLO(), Failure: failed.Msg,
	}
	err := c.read(p)
	if errors.Is(err, xla.ErrReleased) { // it was never compiled
		return c, nil
	}
	return c, err
}

// mostMemory is the most resident memory that this process has had, in bytes.
func mostMemory() int64 {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return used.Maxrss << 10
}

// read takes over what the compiler says about its program.
func (c *Compilation) read(p *xla.Program) (err error) {
	if c.Memory, err = p.Memory(); err != nil {
		return err
	}
	if c.Cost, err = p.Cost(); err != nil {
		return err
	}
	c.Format, c.Optimized, err = p.Serialized()
	return err
}
