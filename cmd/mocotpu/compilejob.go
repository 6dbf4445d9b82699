package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/aot"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// compileJob is one compilation. It is done in a child process: a compiler can't be told to stop, and a fault in it ends
// its process.
type compileJob struct {
	Config   run.Config
	Topology string // of a TPU, "" to compile for the configuration's engine
	Store    string // folder of the store, "" for none
}

// compileReply is what the child prints.
type compileReply struct {
	Compilation *aot.Compilation
	Error       string
	Usage       bool // the error is the user's
}

// compileHere does the job in this process: it is the child's whole work.
func (j compileJob) compileHere() (*aot.Compilation, error) {
	step, err := j.Config.Step()
	if err != nil {
		return nil, err
	}
	if err := step.Validate(); err != nil {
		return nil, usageError{err}
	}
	engine, target, err := j.open()
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	var store *aot.Store
	if j.Store != "" {
		store = &aot.Store{Dir: j.Store}
	}
	return aot.Compile(engine, target, store, func() error { return compileStepOn(engine, j.Config, step) })
}

func (j compileJob) open() (e *xla.Engine, target string, err error) {
	if j.Topology == "" {
		e, err = openFor(j.Config, nil)
		if err != nil {
			return nil, "", err
		}
		return e, fmt.Sprintf("%s/%d", e.EngineName(), e.NumDevices()), nil
	}
	t, err := tpu.Lookup(j.Topology)
	if err != nil {
		return nil, "", err
	}
	e, err = tpu.Open(t, xla.Options{Devices: j.Config.Engine.Devices, Plugin: j.Config.Engine.Plugin})
	if err != nil {
		return nil, "", err
	}
	return e, fmt.Sprintf("%s/%d", t.LibTPU(), e.NumDevices()), nil
}

// compileStepOn compiles the very step that train runs.
func compileStepOn(e *xla.Engine, c run.Config, definition moco.Step) error {
	m, err := mesh.New(e, e.NumDevices())
	if err != nil {
		return err
	}
	s, err := step.New(m, definition, c.Run.Seed)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Compile(c.Data.Image())
}

// runCompileJob is the child: a job from in, a reply on out.
func runCompileJob(in io.Reader, out io.Writer) error {
	var job compileJob
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return usageError{fmt.Errorf("compile --job: %w", err)}
	}
	var reply compileReply
	var err error
	if reply.Compilation, err = job.compileHere(); err != nil {
		reply.Error, reply.Usage = err.Error(), exitCode(context.Background(), err) == exitUsage
	}
	return json.NewEncoder(out).Encode(reply)
}

// compile does the job in a child process and makes its plan. It takes at most limit.
func (j compileJob) compile(ctx context.Context, limit time.Duration, target plan.Target) (*aot.Compilation, *plan.Plan, error) {
	input, err := json.Marshal(j)
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	child := exec.CommandContext(limited, self, "compile", "--job")
	var talk bytes.Buffer
	child.Stdin, child.Stderr = bytes.NewReader(input), &talk
	output, err := child.Output()
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case limited.Err() != nil:
		return nil, nil, fmt.Errorf("compile: %s was not done within %s (--time-limit)", target.Name, limit)
	}
	var reply compileReply
	if err != nil || json.Unmarshal(output, &reply) != nil {
		return nil, nil, fmt.Errorf("compile: the compiler for %s ended its process: %v: %s", target.Name, err, lastLine(talk.String()))
	}
	if reply.Error != "" {
		err := errors.New(reply.Error)
		if reply.Usage {
			err = usageError{err}
		}
		return nil, nil, err
	}
	if target.Devices == 0 {
		target.Devices = reply.Compilation.Devices
	}
	p, err := plan.Of(reply.Compilation, target, planProgram(j.Config))
	if err != nil {
		return nil, nil, err
	}
	return reply.Compilation, p, nil
}

// planProgram says what is compiled.
func planProgram(c run.Config) plan.Program {
	title := fmt.Sprintf("%s: %s of width %d at %d pixels, queue %d", c.Preset, c.Encoder.Arch, c.Encoder.Width, c.Views.ImageSize, c.MoCo.Queue)
	return plan.Program{
		Title: title, Batch: c.MoCo.Batch, Groups: c.MoCo.Groups, Precision: c.Encoder.Precision, Remat: c.Encoder.Remat,
	}
}
