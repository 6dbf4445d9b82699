package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/compute/dtypes"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/hlo"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Roofline says how far the training step of a configuration is from what its engine reaches at best: it measures the
// engine's peaks, times the step and, by a trace of what runs, each class of its work, and counts in the compiled program what
// each class computes and moves. The least time of an instruction is that of its operations at the peak of operations, or of
// its bytes at that of memory, whichever is longer; all on one device. An engine that cannot be traced has no times of classes.
func Roofline(ctx context.Context, c run.Config, o Options) (*Report, error) {
	var check settings.Check
	check.That(c.Engine.Devices <= 1, "bench.devices", "is %d, want 1: several share the cores that the peaks are of", c.Engine.Devices)
	check.That(c.Engine.Backend != "go", "bench.backend", "is go, which has no compiled program to count in: want cpu, cuda or tpu")
	if err := check.Err(); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := stepOf(c); err != nil {
		return nil, err
	}
	c.Engine.Devices = 1
	e, err := o.Engines.Open(c)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	check.That(e.EngineName() != "go", "bench.backend", "opened go, which has no compiled program to count in: want cpu, cuda or tpu")
	if err := check.Err(); err != nil {
		return nil, err
	}
	r := newReport(o.Built)
	r.describe(c)
	r.noteEngine(infoOf(e))
	dtype := dtypes.Float32
	if c.Encoder.Precision == resnet.BFloat16 {
		dtype = dtypes.BFloat16
	}
	fmt.Fprintf(o.Talk, "%s: peaks in %s ...\n", e.EngineName(), c.Encoder.Precision)
	best, err := measurePeaks(ctx, e, r, c.Encoder.Precision, dtype)
	if err != nil {
		return nil, err
	}
	views := presetViews(c)
	fmt.Fprintf(o.Talk, "%s: compiling the step, then %d steps ...\n", e.EngineName(), o.Repeat)
	clock := clock{pace: pace{Warmup: 1, Repeat: o.Repeat, Seconds: math.Inf(1)}, began: time.Now()}
	steps := func() error { return timeSteps(ctx, e, c, views, 1, nil, &clock) }
	spans, err := e.Trace(steps)
	var untold *xla.Error
	if errors.As(err, &untold) && untold.Op == "trace" && untold.Code == xla.Unimplemented {
		r.Notes = append(r.Notes, "no times of classes: "+untold.Msg)
		err = steps()
	}
	if err != nil {
		return nil, o.Engines.Explain(o.Talk, e, c, err)
	}
	programs := e.Programs()
	module, err := programs[len(programs)-1].Optimized()
	if err != nil {
		return nil, err
	}
	step := Row{Name: "Step", Labels: []Label{label("what", "step, views "+views.name), label("precision", c.Encoder.Precision)}, Images: c.MoCo.Batch}
	step.take(clock.answer)
	classes := classesOf(module)
	of := map[string]string{}
	for _, c := range classes {
		for _, w := range c.work {
			of[w.Name] = c.name
		}
	}
	r.roofline(step, classes, best, timesOf(spans, module.Name, of))
	return r, nil
}

// roofline adds the step's row and one for each class of its work, whose ideal times add up to the step's. So do their times, if
// there are any, with those of two rows more: of what is no operation, and of what is outside the program.
func (r *Report) roofline(step Row, classes []class, best peaks, times map[string]time.Duration) {
	var flops, total float64
	var rows []Row
	work := func(name string) Row {
		row := Row{Name: "Work", Labels: []Label{label("what", name), label("precision", step.label("precision"))}}
		if took := times[name]; took > 0 {
			row.Samples, row.Iterations = []float64{float64(took)}, 1
		}
		return row
	}
	for _, c := range classes {
		row := work(c.name)
		ideal := 0.0
		for _, w := range c.work {
			flops += w.Times * w.Flops
			ideal += 1e9 * w.Times * max(w.Flops/best.flops, w.Bytes/best.bytes)
		}
		total += ideal
		row.set(idealUnit, ideal)
		rows = append(rows, row)
	}
	if len(times) > 0 {
		left := step.ns()
		for _, took := range times {
			left -= float64(took)
		}
		times[outside] = time.Duration(max(0, left))
		rows = append(rows, work(nothing), work(outside))
	}
	for i := range rows {
		row := &rows[i]
		if len(times) == 0 {
			row.set(shareUnit, 100*row.Values[idealUnit]/total)
			continue
		}
		row.set(shareUnit, 100*row.ns()/step.ns())
		if row.ns() > 0 {
			row.set(reachedUnit, 100*row.Values[idealUnit]/row.ns())
		}
	}
	for _, kind := range []string{severalPixels, onePixel, kernelGradients} {
		var took, least float64
		for i, c := range classes {
			if kindOf(c) == kind {
				took, least = took+rows[i].ns(), least+rows[i].Values[idealUnit]
			}
		}
		if took > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s in sum: %.1f ms, %.1f%% of the step, %.1f ms at the peaks: %.0f%% reached", kind, took/1e6, 100*took/step.ns(), least/1e6, 100*least/took))
		}
	}
	step.set(gigaflopsUnit, flops/step.ns())
	step.set(reachedUnit, 100*total/step.ns())
	step.set(idealUnit, total)
	r.Rows = append(append(r.Rows, step), rows...)
	r.Notes = append(r.Notes,
		fmt.Sprintf("the step reaches %.0f%% of what its work takes at the peaks: %.1f of %.1f ms", 100*total/step.ns(), total/1e6, step.ns()/1e6),
		"ideal is counted in the compiled program, not timed: the longer of operations at the peak of operations and of bytes at that of memory; caches may beat the latter")
}

// A class is work of one kind in a compiled program.
type class struct {
	name string
	work []hlo.Work
}

// classesOf sorts a program's work: convolutions by their shape, then the others in a fixed order; empty ones are left out.
func classesOf(m *hlo.Module) []class {
	var classes []class
	held := heldBy(m)
	for _, w := range m.Work() {
		if w.Flops == 0 && w.Bytes == 0 {
			continue
		}
		name := classOf(m, w, held)
		at := slices.IndexFunc(classes, func(c class) bool { return c.name == name })
		if at < 0 {
			at, classes = len(classes), append(classes, class{name: name})
		}
		classes[at].work = append(classes[at].work, w)
	}
	slices.SortStableFunc(classes, func(a, b class) int { return strings.Compare(a.name, b.name) })
	return classes
}

// The kinds of convolutions. That of one pixel is a product of matrices.
const (
	severalPixels   = "convolutions of several pixels, and gradients of their inputs,"
	onePixel        = "convolutions of one pixel, and gradients of their inputs,"
	kernelGradients = "gradients of kernels"
)

// kindOf is a class's kind of convolutions, "" for other work. A kernel's gradient slides an image's gradient over the image: what it
// gives is smaller than its window.
func kindOf(c class) string {
	w := c.work[0]
	if w.Conv == nil || len(w.Operands) < 2 {
		return ""
	}
	window, given := int64(1), int64(1)
	for i, axis := range w.Conv.KernelSpatial {
		window *= w.Values[w.Operands[1]].Shape.Dims[axis]
		given *= w.Shape.Dims[w.Conv.OutputSpatial[i]]
	}
	switch {
	case given < window:
		return kernelGradients
	case window == 1:
		return onePixel
	}
	return severalPixels
}

// movers are operations that only move data.
var movers = map[string]bool{
	"copy": true, "transpose": true, "reshape": true, "broadcast": true, "slice": true, "dynamic-slice": true, "dynamic-update-slice": true,
	"concatenate": true, "pad": true, "gather": true, "reverse": true, "bitcast": true, "parameter": true, "constant": true, "tuple": true,
	"get-tuple-element": true, "iota": true, "copy-start": true,
}

// heldBy are the shapes that a program takes, as [hlo.Shape.Dims] in words: of a step those of its state and of its inputs.
func heldBy(m *hlo.Module) map[string]bool {
	held := map[string]bool{}
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			if c.ID == m.Entry && i.Opcode == "parameter" {
				held[fmt.Sprint(i.Shape.Dims)] = true
			}
		}
	}
	return held
}

// gives tells whether all that an instruction gives has shapes that are held. A number is none.
func gives(s hlo.Shape, held map[string]bool) bool {
	leaves := s.Leaves()
	return len(leaves) > 0 && !slices.ContainsFunc(leaves, func(leaf hlo.Shape) bool { return len(leaf.Dims) == 0 || !held[fmt.Sprint(leaf.Dims)] })
}

// classOf names an instruction's class: by where it stands in the step, by what is in it, where it calls a computation, and by the
// shapes that it gives. What has those of the step's state updates it: activations begin with the batch, or parts of it.
func classOf(m *hlo.Module, w hlo.Work, held map[string]bool) string {
	if w.Exchange {
		return "exchanges"
	}
	if strings.HasPrefix(w.OpName, xla.InputLayer+"/") {
		return "views"
	}
	if c := w.Conv; c != nil && len(w.Operands) > 1 {
		kernel, input := w.Values[w.Operands[1]].Shape, w.Values[w.Operands[0]].Shape
		dims := func(s hlo.Shape, axes []int64) (all []string) {
			for _, a := range axes {
				all = append(all, fmt.Sprint(s.Dims[a]))
			}
			return all
		}
		return fmt.Sprintf("convolution %s of %s, %d to %d", strings.Join(dims(kernel, c.KernelSpatial), "x"), strings.Join(dims(input, c.InputSpatial), "x"),
			kernel.Dims[c.KernelInput], kernel.Dims[c.KernelOutput])
	}
	within := map[string]bool{}
	opcodesOf(m, w.Instruction, within, 4)
	switch {
	case within["convolution"]:
		return "convolution, others"
	case within["dot"]:
		return "products of matrices"
	case !movesOnly(within) && gives(w.Shape, held):
		return "state: SGD, key encoder, statistics"
	case within["reduce"] || within["reduce-window"] || within["select-and-scatter"]:
		return "sums and maxima"
	}
	if movesOnly(within) {
		return "copies"
	}
	return "element by element"
}

func movesOnly(opcodes map[string]bool) bool {
	for opcode := range opcodes {
		if !movers[opcode] {
			return false
		}
	}
	return true
}

// opcodesOf collects those of an instruction or, where it calls computations, of theirs, so many calls deep.
func opcodesOf(m *hlo.Module, i *hlo.Instruction, into map[string]bool, depth int) {
	calls := i.Opcode == "fusion" || i.Opcode == "call" || i.Opcode == "conditional"
	if !calls || depth == 0 {
		into[i.Opcode] = true
		return
	}
	for _, c := range m.Computations {
		if slices.Contains(i.Called, c.ID) {
			for _, j := range c.Instructions {
				opcodesOf(m, j, into, depth-1)
			}
		}
	}
}
