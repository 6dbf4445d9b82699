package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla/aot"
	"github.com/mocotpu/mocotpu/xla/hlo"
)

// compiler compiles jobs and says so.
type compiler struct {
	flags compileFlags
	store string // folder, "" for none
	talk  *ticker
	// do compiles one job, compileJob.compile but in tests.
	do func(context.Context, compileJob, plan.Target) (*aot.Compilation, *plan.Plan, error)
}

func newCompiler(flags compileFlags, store string, talk io.Writer) *compiler {
	return &compiler{
		flags: flags, store: store, talk: newTicker(talk),
		do: func(ctx context.Context, j compileJob, t plan.Target) (*aot.Compilation, *plan.Plan, error) {
			return j.compile(ctx, flags.limit, t)
		},
	}
}

// compile compiles one target.
func (c *compiler) compile(ctx context.Context, t compileTarget) (*aot.Compilation, *plan.Plan, error) {
	t.job.Store = c.store
	stop := c.talk.start(fmt.Sprintf("compiling for %s, batch %d, %s, remat %s", t.target.Name, t.job.Config.MoCo.Batch,
		t.job.Config.Encoder.Precision, t.job.Config.Encoder.Remat))
	compilation, p, err := c.do(ctx, t.job, t.target)
	stop(verdict(p, err))
	return compilation, p, err
}

func verdict(p *plan.Plan, err error) string {
	switch {
	case err != nil:
		return "failed"
	case !p.Fits:
		return "does not fit"
	}
	return fmt.Sprintf("fits, %.0f MiB at its peak", float64(p.Memory.Peak)/(1<<20))
}

// report compiles the targets and writes what was asked for.
func (c *compiler) report(ctx context.Context, w io.Writer, targets []compileTarget) error {
	var plans []*plan.Plan
	var last *aot.Compilation
	var tooBig []string
	for _, t := range targets {
		compilation, p, err := c.compile(ctx, t)
		if err != nil {
			return err
		}
		plans, last = append(plans, p), compilation
		if !p.Fits {
			tooBig = append(tooBig, t.target.Name)
		}
	}
	var b bytes.Buffer
	if err := c.write(&b, plans, last); err != nil {
		return err
	}
	if err := c.put(w, b.Bytes()); err != nil {
		return err
	}
	if len(tooBig) > 0 {
		return fmt.Errorf("compile: %w: %s", errTooBig, strings.Join(tooBig, ", "))
	}
	return nil
}

func (c *compiler) write(b *bytes.Buffer, plans []*plan.Plan, last *aot.Compilation) error {
	switch {
	case c.flags.json:
		return writeJSON(json.NewEncoder(b), plans)
	case c.flags.emit == "stablehlo":
		b.WriteString(last.Program)
		return nil
	case c.flags.emit == "hlo":
		if !last.Fits() {
			return nil // there is no program after XLA
		}
		if strings.HasSuffix(c.flags.out, ".pb") {
			proto, err := hlo.Proto(last.Format, last.Optimized)
			b.Write(proto)
			return err
		}
		m, err := last.Module()
		if err != nil {
			return err
		}
		return m.WriteText(b)
	case len(plans) > 1:
		return plan.WriteTable(b, plans)
	}
	return plans[0].WriteText(b)
}

// put writes to the file that was asked for, or to w.
func (c *compiler) put(w io.Writer, text []byte) error {
	write := func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
	if c.flags.out == "" {
		return write(w)
	}
	return writeWhole(c.flags.out, write)
}

// ticker tells a person how long something takes.
type ticker struct {
	w       io.Writer
	watched bool
}

func newTicker(w io.Writer) *ticker { return &ticker{w: w, watched: isTerminal(w)} }

// start says what begins; the function it returns says how it ended.
func (t *ticker) start(what string) func(verdict string) {
	begun := time.Now()
	if !t.watched {
		fmt.Fprintf(t.w, "%s ...\n", what)
		return func(verdict string) { fmt.Fprintf(t.w, "  %s, %s\n", verdict, time.Since(begun).Round(time.Second)) }
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			fmt.Fprintf(terminalOf(t.w), "\r\x1b[K%s, %s", quoted(what), time.Since(begun).Round(time.Second))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func(verdict string) {
		close(done)
		<-gone
		fmt.Fprintf(terminalOf(t.w), "\r\x1b[K%s: %s, %s\n", quoted(what), quoted(verdict), time.Since(begun).Round(time.Second))
	}
}
