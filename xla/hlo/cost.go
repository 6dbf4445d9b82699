package hlo

import (
	"math"
	"strings"
)

// A Cost is what a device computes and moves to and from its memory.
type Cost struct {
	Flops float64
	Bytes float64
}

func (c *Cost) add(d Cost, times float64) {
	c.Flops += times * d.Flops
	c.Bytes += times * d.Bytes
}

// Work is an instruction that a device runs by itself, and the cost of running it once.
type Work struct {
	*Instruction
	Cost
	// Times is how often it runs, more than once in a loop.
	Times float64
	// Exchange says that it is an exchange among devices, or starts one.
	Exchange bool
	// Values are those of the computation that it stands in, by their ids.
	Values map[int64]*Instruction
}

// Work lists the instructions that do something, in the order they run: those of the entry computation and, in place of a
// loop, those of the loop. An exchange that is started and waited for is listed where it starts. Loops count as often as the
// program says that they run, once if it does not say, and of branches the dearest counts.
//
// The counting is that of XLA's own analysis: two operations for each product that a convolution (without those with
// padding) or a product of matrices sums up, one for each element of an element-wise operation, none for transcendental
// functions; of a fusion, the operations inside and the bytes that it takes in and gives out, of which operands that are only
// sliced count what is taken of them.
func (m *Module) Work() []Work {
	c := &counter{byID: m.byNumber(), known: map[int64]Cost{}}
	left := 2 * len(m.Computations)
	return c.work(nil, m.Entry, 1, &left)
}

// work appends the work of a computation that runs so often. It enters no more computations than are left: those of a
// damaged program may call in a circle.
func (c *counter) work(all []Work, id int64, times float64, left *int) []Work {
	computation := c.byID[id]
	if *left--; computation == nil || *left < 0 {
		return all
	}
	operands := byID(computation)
	for _, i := range computation.scheduled() {
		switch {
		case i.Opcode == "while":
			for _, called := range i.Called {
				all = c.work(all, called, times*float64(turns(i, c.byID)), left)
			}
		case !idle(i.Opcode):
			all = append(all, Work{i, c.cost(i, operands), times, c.exchanges(i), operands})
		}
	}
	return all
}

// Cost is the sum of all Work.
func (m *Module) Cost() Cost {
	var sum Cost
	for _, w := range m.Work() {
		sum.add(w.Cost, w.Times)
	}
	return sum
}

// idle tells whether an instruction only says where a value is.
func idle(opcode string) bool {
	switch opcode {
	case "parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "token", "partition-id", "replica-id", "optimization-barrier",
		"add-dependency", "domain":
		return true
	}
	return strings.HasSuffix(opcode, "-done")
}

// exchanges tells whether an instruction is an exchange, or starts one as a computation of its own.
func (c *counter) exchanges(i *Instruction) bool {
	if i.Opcode == "async-start" && len(i.Called) > 0 && c.byID[i.Called[0]] != nil {
		for _, j := range c.byID[i.Called[0]].Instructions {
			if collectiveOps[j.Opcode] {
				return true
			}
		}
	}
	return collectiveOps[strings.TrimSuffix(i.Opcode, "-start")]
}

func byID(c *Computation) map[int64]*Instruction {
	found := make(map[int64]*Instruction, len(c.Instructions))
	for _, i := range c.Instructions {
		found[i.ID] = i
	}
	return found
}

// A counter counts instructions. A damaged program may call in a circle: what is being counted is known as nothing.
type counter struct {
	byID  map[int64]*Computation
	known map[int64]Cost
}

// called is the cost of a computation, instruction by instruction.
func (c *counter) called(id int64) Cost {
	if cost, ok := c.known[id]; ok {
		return cost
	}
	c.known[id] = Cost{}
	computation := c.byID[id]
	if computation == nil {
		return Cost{}
	}
	var sum Cost
	operands := byID(computation)
	for _, i := range computation.Instructions {
		if !idle(i.Opcode) {
			sum.add(c.cost(i, operands), 1)
		}
	}
	c.known[id] = sum
	return sum
}

// cost is that of an instruction, whose operands are among those given.
func (c *counter) cost(i *Instruction, operands map[int64]*Instruction) Cost {
	switch i.Opcode {
	case "fusion":
		return Cost{c.first(i).Flops, c.fused(i, operands)}
	case "call", "async-start":
		return c.first(i)
	case "while":
		var sum Cost
		for _, id := range i.Called {
			sum.add(c.called(id), float64(turns(i, c.byID)))
		}
		return sum
	case "conditional":
		var most Cost
		for _, id := range i.Called {
			one := c.called(id)
			most = Cost{max(most.Flops, one.Flops), max(most.Bytes, one.Bytes)}
		}
		return most
	}
	return Cost{c.flops(i, operands), traffic(i, operands)}
}

// first is the cost of the first computation that an instruction calls.
func (c *counter) first(i *Instruction) Cost {
	if len(i.Called) == 0 {
		return Cost{}
	}
	return c.called(i.Called[0])
}

// traffic is the bytes that an instruction reads and writes.
func traffic(i *Instruction, operands map[int64]*Instruction) float64 {
	out := float64(i.Shape.Stored())
	of := func(k int) float64 {
		if k >= len(i.Operands) {
			return 0
		}
		return float64(operands[i.Operands[k]].Shape.Stored())
	}
	switch i.Opcode {
	case "slice", "dynamic-slice":
		return 2 * out
	case "gather":
		return 2*out + of(1)
	case "dynamic-update-slice":
		return 2 * of(1)
	case "scatter":
		return 2*of(2) + of(1)
	case "iota", "broadcast":
		return out + of(0)
	}
	if strings.HasSuffix(i.Opcode, "-start") { // its value has the operands, too
		out = float64(sum(received(strings.TrimSuffix(i.Opcode, "-start"), i)))
	}
	for k := range i.Operands {
		out += of(k)
	}
	return out
}

// fused is the bytes that a fusion reads and writes.
func (c *counter) fused(i *Instruction, operands map[int64]*Instruction) float64 {
	if len(i.Called) == 0 {
		return 0
	}
	body := c.byID[i.Called[0]]
	if body == nil {
		return 0
	}
	inside := byID(body)
	users := map[int64][]*Instruction{}
	parameters := map[int64]*Instruction{}
	for _, j := range body.Instructions {
		if j.Opcode == "parameter" {
			parameters[j.Parameter] = j
		}
		for _, id := range j.Operands {
			users[id] = append(users[id], j)
		}
	}
	total := written(inside[body.Root], i.Shape, inside)
	for k, id := range i.Operands {
		whole := float64(operands[id].Shape.Stored())
		if p := parameters[int64(k)]; p != nil {
			whole = min(whole, taken(p, users))
		}
		total += whole
	}
	return total
}

// written is the bytes that a fusion gives out, by its root: of a slice that is updated in place only the slice.
func written(root *Instruction, shape Shape, inside map[int64]*Instruction) float64 {
	if root != nil && root.Opcode == "bitcast" && len(root.Operands) == 1 {
		root = inside[root.Operands[0]]
	}
	if root != nil && root.Opcode == "dynamic-update-slice" && len(root.Operands) > 1 {
		return float64(inside[root.Operands[1]].Shape.Stored())
	}
	return float64(shape.Stored())
}

// taken is the bytes that a fusion takes of a parameter: those of slices where it is used for nothing else, none where it is
// only updated in place.
func taken(p *Instruction, users map[int64][]*Instruction) float64 {
	var total float64
	for _, u := range users[p.ID] {
		switch {
		case u.Opcode == "slice" || u.Opcode == "dynamic-slice" || u.Opcode == "gather" && u.Operands[0] == p.ID:
			total += float64(u.Shape.Stored())
		case u.Opcode == "dynamic-update-slice" && u.Operands[0] == p.ID:
		case u.Opcode == "bitcast" && len(u.Operands) == 1:
			total += taken(u, users)
		default:
			return math.Inf(1)
		}
	}
	return total
}
