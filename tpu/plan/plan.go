package plan

import (
	"fmt"
	"path"
	"strings"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/hlo"
)

// Program says what was compiled, in the words of who wants the plan.
type Program struct {
	Title  string `json:"title"` // one line: "moco-v1: resnet50 at 224 pixels"
	Batch  int    `json:"batch"` // images of a step, over all devices
	Groups int    `json:"bn_groups"`
	// Halves are the smaller batches that could be trained with instead, from half of Batch on downwards.
	Halves []int `json:"halved_batches"`
	// Precision and Remat are the encoder's, see resnet.Config: what could be changed to need less.
	Precision string `json:"precision"`
	Remat     string `json:"remat"`
	// Micro is in how many micro-batches, one after another, a device computes its part of the batch: they divide its BatchNorm
	// groups. 0 and 1 are the whole part at once.
	Micro int `json:"micro"`
	// ImageBytes is what an image takes where it is stored: decoded, in memory or in a packed set; 0 where it is not known.
	ImageBytes int64 `json:"image_bytes"`
	// DecodeRate is how many images a second a core decodes where they may be image files, 0 where they are none or it is not
	// known.
	DecodeRate float64 `json:"decode_images_per_second"`
	// Shuffled says that images meet those of other devices in BatchNorm: hosts need the shapes of each other's.
	Shuffled bool `json:"shuffled"`
}

// A Plan is what a program needs and takes on its target.
type Plan struct {
	Program  Program `json:"program"`
	Target   Target  `json:"target"`
	Compiler string  `json:"compiler"`
	// Fits says that the program has room in a device's memory; else Failure says why not, and what follows it is empty
	// unless the program failed in running.
	Fits       bool         `json:"fits"`
	Failure    *Failure     `json:"failure,omitempty"`
	Memory     xla.Memory   `json:"memory"`
	Donated    int          `json:"donated_arguments"` // arguments marked as donated
	Largest    []Buffer     `json:"largest_temporaries"`
	Lifetimes  int64        `json:"temporaries_by_lifetime"` // the sum of which Largest are the largest: an estimate of Memory.Temporaries
	Values     int          `json:"temporaries_count"`       // how many there are at that moment
	Collective []Collective `json:"collectives"`
	Time       Time         `json:"time"`
	// Reading is nil where the time is not known, or how large images are.
	Reading *Reading `json:"reading,omitempty"`
	// Kernels is what GPUs run, nil for other targets.
	Kernels *Kernels `json:"kernels,omitempty"`
	// Recomputed is how many operations the compiler itself has run again so as to keep less in memory.
	Recomputed int `json:"recomputed"`
	// CompileSeconds and HostBytes are what compiling took, Stored says that it was done earlier.
	CompileSeconds float64 `json:"compile_seconds"`
	HostBytes      int64   `json:"compile_host_bytes"`
	Stored         bool    `json:"stored"`
}

// Verdict says in a few words whether the program fits.
func (p *Plan) Verdict() string {
	if !p.Fits {
		return "does not fit"
	}
	return fmt.Sprintf("fits, %.0f MiB at its peak", float64(p.Memory.Peak)/mib)
}

// A Buffer is a temporary.
type Buffer struct {
	Bytes   int64   `json:"bytes"`
	Padding float64 `json:"padding"` // Bytes by those of the values alone
	Shape   string  `json:"shape"`
	// Layer is the parameter's layer that had joined last: "query.layer1.0.conv1". Operation is what the value is the
	// result of, and Backward says that it belongs to a gradient.
	Layer     string `json:"layer"`
	Operation string `json:"operation"`
	Backward  bool   `json:"backward"`
}

// Time is how long a step takes if everything is ideal, in seconds.
type Time struct {
	Flops        float64 `json:"flops"`
	Bytes        float64 `json:"bytes"`
	Compute      float64 `json:"compute_seconds"`
	Memory       float64 `json:"memory_seconds"`
	Interconnect float64 `json:"interconnect_seconds"`
	// Step is the longest of the three, and Bound its name; 0 and "" where the target's figures are not known. GPUs run a
	// kernel after the other: there, Step is Kernels.Seconds, or the exchanges if they take longer.
	Step  float64 `json:"step_seconds"`
	Bound string  `json:"bound"`
	// Efficiency is what is left of the devices' speed if no exchange hides behind the rest: 1 for none.
	Efficiency      float64 `json:"efficiency_without_overlap"`
	ImagesPerSecond float64 `json:"images_per_second"`
}

// What bounds a step.
const (
	BoundCompute      = "compute"
	BoundMemory       = "memory"
	BoundInterconnect = "interconnect"
)

// largestShown is how many temporaries a plan names.
const largestShown = 10

// makePlan makes the plan of a compilation.
func makePlan(c *Compilation, t Target, program Program) (*Plan, error) {
	p := &Plan{
		Program: program, Target: t, Compiler: c.Compiler, Fits: c.Fits(), Memory: c.Memory, Donated: c.Marked,
		CompileSeconds: c.Seconds, HostBytes: c.HostBytes, Stored: c.Stored,
	}
	switch {
	case !p.Fits:
		p.Failure = readFailure(c.Failure, c.Program)
	case t.GPUs && c.Memory.Peak > t.Usable: // the CUDA plugin compiles it all the same
		p.Fits = false
		p.Failure = &Failure{
			Needed: c.Memory.Peak, Available: t.Usable, State: xla.Donated(c.Program),
			Text: fmt.Sprintf("the program takes %d bytes of a GPU, %d may be used", c.Memory.Peak, t.Usable),
		}
	}
	if !c.Compiled() {
		return p, nil
	}
	m, err := c.Module()
	if err != nil {
		return nil, err
	}
	values, total := m.Temporaries()
	p.Lifetimes, p.Values = total, len(values)
	for _, v := range values[:min(largestShown, len(values))] {
		b := Buffer{Bytes: v.Bytes, Padding: float64(v.Bytes) / float64(v.Shape.Bytes()), Shape: v.Shape.String()}
		b.Layer, b.Operation, b.Backward = splitName(v.OpName, v.Opcode)
		p.Largest = append(p.Largest, b)
	}
	p.Collective = collectives(m, t)
	cost := c.Cost
	if cost == nil {
		counted := onceThrough(m)
		cost = map[string]float64{"flops": counted.Flops, "bytes accessed": counted.Bytes}
	}
	p.Time = timeOf(withLoops(cost, m), p.Collective, t, program.Batch)
	if t.GPUs {
		p.readKernels(m)
	}
	p.Reading = readingOf(program, t, p.Time)
	return p, nil
}

// onceThrough is a program's cost with one turn of each loop, which is how XLA counts.
func onceThrough(m *hlo.Module) (once hlo.Cost) {
	for _, w := range m.Work() {
		once.Flops, once.Bytes = once.Flops+w.Flops, once.Bytes+w.Bytes
	}
	return once
}

// withLoops is a cost that counts one turn of each loop, with all turns: in the proportion of package hlo's own count.
func withLoops(cost map[string]float64, m *hlo.Module) map[string]float64 {
	once, all := onceThrough(m), m.Cost()
	if all == once || once.Flops <= 0 || once.Bytes <= 0 {
		return cost
	}
	return map[string]float64{"flops": cost["flops"] * all.Flops / once.Flops, "bytes accessed": cost["bytes accessed"] * all.Bytes / once.Bytes}
}

// splitName takes a name apart that package xla gave an operation.
func splitName(name, opcode string) (layer, operation string, backward bool) {
	rest, backward := strings.CutPrefix(name, "backward/")
	layer, operation = path.Split(rest)
	if operation == "" {
		operation = opcode
	}
	return strings.TrimSuffix(layer, "/"), operation, backward
}

// timeOf is the roofline over XLA's cost analysis.
func timeOf(cost map[string]float64, exchanges []Collective, t Target, batch int) Time {
	r := Time{Flops: max(0, cost["flops"]), Bytes: max(0, cost["bytes accessed"]), Efficiency: 1}
	for _, c := range exchanges {
		r.Interconnect += c.Seconds
	}
	if t.Flops == 0 || t.Bandwidth == 0 {
		return r
	}
	r.Compute, r.Memory = r.Flops/t.Flops, r.Bytes/t.Bandwidth
	r.Step, r.Bound = r.Memory, BoundMemory
	if r.Compute > r.Step {
		r.Step, r.Bound = r.Compute, BoundCompute
	}
	if r.Step > 0 {
		r.Efficiency = r.Step / (r.Step + r.Interconnect)
	}
	if r.Interconnect > r.Step {
		r.Step, r.Bound = r.Interconnect, BoundInterconnect
	}
	if r.Step > 0 {
		r.ImagesPerSecond = float64(batch) / r.Step
	}
	return r
}
