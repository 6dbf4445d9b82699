package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/nvidia"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// A Request is a program to compile in a child process.
type Request struct {
	// Topology is what to compile for, as [Lookup] takes it; where it is "", Engine is the engine of this machine
	// to compile for, as [xla.Open] takes it.
	Topology, Engine string
	// Options are those that topology or engine is opened with, but for Programs.
	Options xla.Options
	// Program is what the plan says of the program.
	Program Program
	// Source is the program in JSON, for the function that Serve was given.
	Source json.RawMessage
	// Save asks for the file of the program, with Source in it. It is refused for GPUs that are not there: their programs are
	// for reading, see xla.OpenGPUs.
	Save bool
}

// Target is what the request is for. The devices of an engine are 0 where all are meant.
func (r Request) Target() (Target, error) {
	if r.Topology == "" {
		return Engine(r.Engine, r.Options.Devices), nil
	}
	return Lookup(r.Topology, r.Options.Devices, r.Program.Precision, r.Options.GPU.MemoryFraction)
}

// open opens what the request is for, and names it for the store.
func (r Request) open() (e *xla.Engine, target string, err error) {
	if r.Topology == "" {
		if e, err = xla.Open(r.Engine, r.Options); err != nil {
			return nil, "", err
		}
		target = fmt.Sprintf("%s/%d", e.EngineName(), e.NumDevices())
		if !r.Options.GPU.IsZero() {
			target += fmt.Sprintf(" %+v", r.Options.GPU)
		}
		return e, target, nil
	}
	p, err := lookup(r.Topology)
	if err != nil {
		return nil, "", err
	}
	if p.gpus != nil {
		if e, err = nvidia.Open(*p.gpus, r.Options); err == nil {
			target = p.gpus.Key(r.Options.GPU.MemoryFraction)
		}
	} else if e, err = tpu.Open(p.tpus, r.Options); err == nil {
		if target = p.tpus.LibTPU(); p.tpus.Hosts() > 1 {
			target += " by host" // the order of the devices, which was another once
		}
	}
	if err != nil {
		return nil, "", err
	}
	return e, fmt.Sprintf("%s/%d", target, e.NumDevices()), nil
}

type (
	// work is what the child gets: a request, and the store without what cannot travel.
	work struct {
		Request
		Folder string // "" for no store
		Limit  int64
	}
	// done is what it gives back.
	done struct {
		Compilation *Compilation
		Notices     []string // that the store was told
	}
)

// errUntuned is why a program for GPUs that are not there is not saved.
var errUntuned = settings.Invalid(errors.New("a program compiled without the GPU has no algorithm for its convolutions, and is not to be run; " +
	"save it on a machine that has the GPU: --backend=cuda in place of --topology"))

// compiling is the job. A compilation has the program's text, and the compiled program.
var compiling = child.Job[work, done]{Name: "compile", Errors: []error{xla.ErrNoPlugin, tpu.ErrUnknown, settings.ErrInvalid}, Most: 4 << 30}

// Serve compiles what InChild asks for and returns true, if this process was started for that; else it returns false at
// once. build compiles the one program that source describes on the engine. A program that calls InChild begins its main
// function with Serve, see [child.Job].
func Serve(build func(e *xla.Engine, source []byte) error) bool {
	return compiling.Serve(func(_ context.Context, w work) (d done, err error) {
		e, target, err := w.open()
		if err != nil {
			return d, err
		}
		defer e.Close()
		var store *programs.Store
		if w.Folder != "" {
			store = &programs.Store{Dir: w.Folder, Limit: w.Limit, Told: func(err error) { d.Notices = append(d.Notices, err.Error()) }}
		}
		var saved json.RawMessage
		if w.Save {
			saved = w.Source
		}
		d.Compilation, err = compile(e, target, w.Topology == "", store, saved, func() error { return build(e, w.Source) })
		return d, err
	})
}

// InChild compiles in a child process, which may take so long, and makes the plan: a compiler can't be told to stop, a fault
// in it ends its process, and libtpu compiles for one topology in a process. What was compiled before comes from the store,
// which may be nil.
//
// The error matches [child.ErrLimit] for a compilation that took too long, [xla.ErrNoPlugin] where the compiler is not
// installed, and is a [*child.Error] where the compiler ended its process.
func InChild(ctx context.Context, r Request, store *programs.Store, limit time.Duration) (*Compilation, *Plan, error) {
	target, err := r.Target()
	if err != nil {
		return nil, nil, err
	}
	if r.Save && target.GPUs {
		return nil, nil, fmt.Errorf("plan: %s: %w", target.Name, errUntuned)
	}
	r.Options.Programs = nil
	w := work{Request: r}
	if store != nil {
		w.Folder, w.Limit = store.Dir, store.Limit
	}
	d, err := compiling.Ask(ctx, w, limit)
	var ended *child.Error
	switch {
	case errors.As(err, &ended):
		return nil, nil, fmt.Errorf("plan: the compiler for %s ended its process: %w", target.Name, err)
	case err != nil:
		return nil, nil, err
	}
	if store != nil && len(d.Notices) > 0 {
		store.Tell(errors.New(d.Notices[0]))
	}
	if target.Devices == 0 {
		target.Devices = d.Compilation.Devices
	}
	p, err := makePlan(d.Compilation, target, r.Program)
	if err != nil {
		return nil, nil, err
	}
	return d.Compilation, p, nil
}
