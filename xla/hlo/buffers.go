package hlo

import (
	"cmp"
	"slices"
	"strings"
)

// A Buffer is memory that a program takes for a value on its way.
type Buffer struct {
	Name   string // of the instruction that makes the value
	Opcode string
	OpName string // where it came from, "" if the program does not say
	Shape  Shape
	Bytes  int64 // with padding
}

// Temporaries lists the values in the device's main memory at the moment of the schedule when they take most, the largest
// first, and the sum of their bytes. Parameters and outputs are not among them. While a loop runs, its body's values are
// there beside those of the computation around it.
//
// It is an estimate by the lifetimes of values: the compiler packs buffers with gaps, lets some operations work in place,
// and fusions may hold more. Without a schedule it takes the module's order.
func (m *Module) Temporaries() ([]Buffer, int64) {
	live, most := m.fullest(m.Entry, map[int64]bool{})
	slices.SortStableFunc(live, func(a, b Buffer) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return live, most
}

// fullest is Temporaries of one computation, in no order. inside are those around it: a damaged program may call in a circle.
func (m *Module) fullest(id int64, inside map[int64]bool) (live []Buffer, most int64) {
	c := m.computation(id)
	if c == nil || inside[id] {
		return nil, 0
	}
	inside[id] = true
	defer delete(inside, id)
	order := c.scheduled()
	values := m.lifetimes(c, order)
	change := make([]int64, len(order)+2)
	for _, v := range values {
		change[v.from] += v.Bytes
		change[v.to+1] -= v.Bytes
	}
	within := map[int][]Buffer{}
	moment, now := 0, int64(0)
	for at, change := range change {
		now += change
		held := now
		if at < len(order) && order[at].Opcode == "while" {
			for _, called := range order[at].Called {
				if buffers, bytes := m.fullest(called, inside); now+bytes > held {
					within[at], held = buffers, now+bytes
				}
			}
		}
		if held > most {
			moment, most = at, held
		}
	}
	for _, v := range values {
		if v.from <= moment && moment <= v.to {
			live = append(live, v.Buffer)
		}
	}
	return append(live, within[moment]...), most
}

// lifetime is a buffer and when it is in use, by instruction.
type lifetime struct {
	Buffer
	from, to int
	output   bool
}

// scheduled returns the instructions in the order they run.
func (c *Computation) scheduled() []*Instruction {
	byID := byID(c)
	order := make([]*Instruction, 0, len(c.Instructions))
	for _, id := range c.Schedule {
		if i := byID[id]; i != nil {
			order = append(order, i)
		}
	}
	if len(order) != len(c.Instructions) {
		return c.Instructions
	}
	return order
}

// lifetimes lists the buffers that the instructions of a computation make, run in the given order.
func (m *Module) lifetimes(c *Computation, order []*Instruction) []*lifetime {
	holders := map[int64][]*lifetime{} // instruction -> the buffers its value lies in, one a leaf; nil for none
	var all []*lifetime
	for at, i := range order {
		for _, id := range i.Operands {
			for _, l := range holders[id] {
				if l != nil {
					l.to = at
				}
			}
		}
		held := m.forwarded(i, holders)
		if held == nil {
			for _, leaf := range i.Shape.Leaves() {
				var l *lifetime
				if makesBuffer(i) && leaf.Space == 0 && leaf.Stored() > 0 {
					l = &lifetime{
						Buffer: Buffer{Name: i.Name, Opcode: i.Opcode, OpName: i.OpName, Shape: leaf, Bytes: leaf.Stored()},
						from:   at, to: at,
					}
					all = append(all, l)
				}
				held = append(held, l)
			}
		}
		holders[i.ID] = held
	}
	for _, l := range holders[c.Root] {
		if l != nil {
			l.output = true
		}
	}
	return slices.DeleteFunc(all, func(l *lifetime) bool { return l.output })
}

// makesBuffer reports whether an instruction's value needs memory of its own, beside parameters and constants.
func makesBuffer(i *Instruction) bool {
	switch i.Opcode {
	case "parameter", "constant", "partition-id", "replica-id", "after-all", "token":
		return false
	}
	return true
}

// forwarded returns the buffers of an instruction whose value lies where its operands' do, nil if it makes its own.
func (m *Module) forwarded(i *Instruction, holders map[int64][]*lifetime) []*lifetime {
	if len(i.Operands) == 0 {
		return nil
	}
	first := holders[i.Operands[0]]
	switch {
	case i.Opcode == "tuple":
		held := []*lifetime{}
		leaves := len(i.Shape.Leaves())
		for _, id := range i.Operands {
			if held = append(held, holders[id]...); len(held) > leaves {
				return nil // damaged: a tuple has its operands' arrays
			}
		}
		return held
	case i.Opcode == "get-tuple-element":
		if len(i.Shape.Leaves()) == 1 && i.TupleIndex >= 0 && i.TupleIndex < int64(len(first)) {
			return first[i.TupleIndex : i.TupleIndex+1]
		}
		return first
	case i.Opcode == "bitcast" || i.Opcode == "while" || i.Opcode == "optimization-barrier" || i.Opcode == "dynamic-update-slice":
		if len(first) >= len(i.Shape.Leaves()) {
			return first
		}
	case strings.HasSuffix(i.Opcode, "-done"):
		// An asynchronous start holds (operands, results, ...); what is left of it is its result.
		if n := len(i.Shape.Leaves()); len(first) >= 2*n {
			return first[n : 2*n]
		}
		return first
	case i.Opcode == "fusion" && len(i.Called) > 0:
		if k := m.updatedInPlace(i.Called[0]); k >= 0 && k < len(i.Operands) {
			return holders[i.Operands[k]]
		}
	}
	return nil
}

// updatedInPlace returns the parameter of a fusion's computation that the fusion does nothing to but update a slice of,
// in place; -1 if it does anything else.
func (m *Module) updatedInPlace(fused int64) int {
	c := m.computation(fused)
	if c == nil {
		return -1
	}
	byID := map[int64]*Instruction{}
	for _, i := range c.Instructions {
		byID[i.ID] = i
	}
	through := func(i *Instruction, want string) *Instruction {
		for i != nil && i.Opcode == "bitcast" && len(i.Operands) == 1 {
			i = byID[i.Operands[0]]
		}
		if i == nil || i.Opcode != want {
			return nil
		}
		return i
	}
	update := through(byID[c.Root], "dynamic-update-slice")
	if update == nil || len(update.Operands) == 0 {
		return -1
	}
	parameter := through(byID[update.Operands[0]], "parameter")
	if parameter == nil {
		return -1
	}
	return int(parameter.Parameter)
}
