package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/hlo"
)

// launch is what starting a kernel takes at least, in seconds: an assumption, for nothing is measured here.
const launch = 2e-6

// Kernels is what a GPU runs in a step, one after the other. Times are the roofline of each kernel, without caches.
type Kernels struct {
	Count int `json:"count"`
	// Short is how many would take less than 2 us, the time that starting one takes.
	Short int `json:"short"`
	// Seconds is the sum of all, Floored the sum if none took less than 2 us, Launching what starting all of them takes.
	Seconds   float64 `json:"seconds"`
	Floored   float64 `json:"floored_seconds"`
	Launching float64 `json:"launching_seconds"`
	// Graphs is how many CUDA graphs (XLA's command buffers) XLA makes of kernels that follow one another, by its default
	// settings, and Launches what is left to start with them: an estimate, for they are made when the program is loaded.
	Graphs   int `json:"graphs"`
	Launches int `json:"launches"`
	// Kinds are the kernels by kind, the ones that take longest first.
	Kinds []Kind `json:"kinds"`
	// Convolutions are cuDNN's, by pass, axes and types.
	Convolutions []Convolutions `json:"convolutions"`
	// Moves are the kernels that do nothing but transpose, copy or convert; ArgumentMoves those of them that do it to an argument,
	// such as a weight.
	Moves         Kind `json:"moves"`
	ArgumentMoves Kind `json:"argument_moves"`
	// BFloat16 lists what sums up numbers in bfloat16: exchanges, reductions and scatters, by opcode.
	BFloat16 []Kind `json:"sums_in_bfloat16"`
}

// A Kind is several kernels or operations.
type Kind struct {
	Name    string  `json:"name"`
	Count   int     `json:"count"`
	Bytes   float64 `json:"bytes"`
	Flops   float64 `json:"flops"`
	Seconds float64 `json:"seconds"`
}

func (k *Kind) add(w hlo.Work, seconds float64) {
	k.Count += int(w.Times)
	k.Bytes += w.Times * w.Bytes
	k.Flops += w.Times * w.Flops
	k.Seconds += w.Times * seconds
}

// Convolutions are convolutions that differ in nothing but sizes.
type Convolutions struct {
	Pass  string `json:"pass"`  // forward, or the gradient of the input or of the kernel
	Axes  string `json:"axes"`  // "b01f_o01i->b01f": of input, kernel and output
	Types string `json:"types"` // of both operands and the result: "bf16 bf16 -> bf16"
	Count int    `json:"count"`
}

// passes names cuDNN's calls.
var passes = map[string]string{
	"__cudnn$convForward": "forward", "__cudnn$convBiasActivationForward": "forward, with what follows", "__cudnn$convBackwardInput": "gradient of the input", "__cudnn$convBackwardFilter": "gradient of the kernel",
}

// passOf names what a call of cuDNN computes.
func passOf(target string) string {
	if pass := passes[target]; pass != "" {
		return pass
	}
	return target
}

// readKernels makes Plan.Kernels of the program, and the time of a step of it.
func (p *Plan) readKernels(m *hlo.Module) {
	k := &Kernels{BFloat16: sumsInBFloat16(m)}
	kinds := map[string]*Kind{}
	called := map[int64]*hlo.Computation{}
	for _, c := range m.Computations {
		called[c.ID] = c
	}
	run, times := 0, 1.0 // kernels that one graph can hold, and how often they run
	endGraph := func() {
		if run >= graphSize {
			k.Graphs++
			k.Launches -= int(times) * (run - 1)
		}
		run = 0
	}
	for _, w := range m.Work() {
		if w.Times != times { // a loop begins or ends
			endGraph()
			times = w.Times
		}
		if strings.Contains(w.Name, ".remat") {
			p.Recomputed++
		}
		if w.Exchange {
			endGraph()
			continue
		}
		seconds := max(w.Bytes/p.Target.Bandwidth, w.Flops/p.Target.Flops)
		name := kindOf(w)
		if kinds[name] == nil {
			kinds[name] = &Kind{Name: name}
		}
		kinds[name].add(w, seconds)
		k.Count += int(times)
		k.Launches += int(times)
		k.Seconds += times * seconds
		k.Floored += times * max(seconds, launch)
		if seconds < launch {
			k.Short += int(times)
		}
		if run++; w.Opcode == "custom-call" {
			run--
			endGraph()
		}
		if w.Conv != nil {
			k.convolution(w)
		}
		if moves(w.Instruction, called) {
			k.Moves.add(w, seconds)
			if argument(w.Instruction, w.Values) {
				k.ArgumentMoves.add(w, seconds)
			}
		}
	}
	endGraph()
	k.Launching = float64(k.Count) * launch
	for _, kind := range kinds {
		k.Kinds = append(k.Kinds, *kind)
	}
	slices.SortFunc(k.Kinds, func(a, b Kind) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), strings.Compare(a.Name, b.Name))
	})
	p.Kernels = k
	t := &p.Time
	if t.Step = k.Seconds; t.Interconnect > t.Step {
		t.Step = t.Interconnect
	}
	if t.Step > 0 {
		t.Efficiency = k.Seconds / (k.Seconds + t.Interconnect)
		t.ImagesPerSecond = float64(p.Program.Batch) / t.Step
	}
}

// graphSize is the fewest kernels that XLA makes a graph of.
const graphSize = 5

// kindOf names the kind of a kernel.
func kindOf(w hlo.Work) string {
	switch {
	case w.Conv != nil:
		return "cuDNN convolution, " + passOf(w.Target)
	case strings.HasPrefix(w.Target, "__cublas"):
		return "cuBLAS product"
	case w.Opcode == "custom-call":
		return w.Target
	case w.Opcode != "fusion":
		return w.Opcode
	case w.FusionKind == "kInput":
		return "fused reduction"
	case w.FusionKind == "kCustom":
		return "fusion by Triton, cuDNN or CUTLASS"
	}
	return "fused loop"
}

func (k *Kernels) convolution(w hlo.Work) {
	c := Convolutions{Pass: passOf(w.Target), Axes: w.Conv.String(), Types: "->"}
	if leaves := w.Shape.Leaves(); len(leaves) > 0 {
		c.Types += " " + leaves[0].DType
	}
	for n := range min(2, len(w.Operands)) {
		c.Types = w.Values[w.Operands[1-n]].Shape.DType + " " + c.Types
	}
	at := slices.IndexFunc(k.Convolutions, func(o Convolutions) bool { o.Count = 0; return o == c })
	if at < 0 {
		at = len(k.Convolutions)
		k.Convolutions = append(k.Convolutions, c)
	}
	k.Convolutions[at].Count += int(w.Times)
}

// moves tells whether an instruction does nothing but transpose, copy or convert.
func moves(i *hlo.Instruction, called map[int64]*hlo.Computation) bool {
	switch i.Opcode {
	case "copy", "transpose":
		return true
	case "fusion":
	default:
		return false
	}
	found := false
	for _, id := range i.Called {
		c := called[id]
		if c == nil {
			return false
		}
		for _, j := range c.Instructions {
			switch j.Opcode {
			case "parameter", "bitcast", "tuple", "reshape":
			case "transpose", "copy", "convert":
				found = true
			default:
				return false
			}
		}
	}
	return found
}

// argument tells whether an instruction's first operand is an argument of the program.
func argument(i *hlo.Instruction, values map[int64]*hlo.Instruction) bool {
	for len(i.Operands) > 0 {
		i = values[i.Operands[0]]
		if i.Opcode == "parameter" {
			return true
		}
		if i.Opcode != "bitcast" && i.Opcode != "get-tuple-element" {
			return false
		}
	}
	return false
}

// sumsInBFloat16 lists what sums in bfloat16.
func sumsInBFloat16(m *hlo.Module) []Kind {
	var all []Kind
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			op := strings.TrimSuffix(i.Opcode, "-start")
			switch op {
			case "all-reduce", "reduce-scatter", "reduce", "reduce-window", "scatter", "select-and-scatter":
			default:
				continue
			}
			var bytes int64
			for _, leaf := range i.Shape.Leaves() {
				if leaf.DType == "bf16" {
					bytes += leaf.Bytes()
				}
			}
			if bytes == 0 {
				continue
			}
			at := slices.IndexFunc(all, func(k Kind) bool { return k.Name == op })
			if at < 0 {
				at = len(all)
				all = append(all, Kind{Name: op})
			}
			all[at].Count++
			all[at].Bytes += float64(bytes)
		}
	}
	return all
}
