package hlo

import "strconv"

// mostTurns bounds how often a loop is said to run.
const mostTurns = 1 << 30

// turns is how often a loop runs, 1 if the program does not say. XLA's compilers for CPUs and GPUs note it at the loop. That
// for TPUs does not: there it is read from a condition that compares a number with a constant, for a number that counts from 0
// by ones, as those of package mesh do.
func turns(loop *Instruction, computations map[int64]*Computation) int {
	if n, err := strconv.ParseInt(loop.config().KnownTripCount.N, 10, 64); err == nil && n > 0 {
		return int(min(n, mostTurns))
	}
	for _, id := range loop.Called {
		c := computations[id]
		if c == nil {
			continue
		}
		values := byID(c)
		root := values[c.Root]
		if root == nil || root.Opcode != "compare" || root.Comparison != "LT" || len(root.Operands) != 2 {
			continue
		}
		counter, limit := values[root.Operands[0]], values[root.Operands[1]]
		if counter.Opcode == "get-tuple-element" && limit.Integer != nil && *limit.Integer > 0 {
			return int(min(*limit.Integer, mostTurns))
		}
	}
	return 1
}

// byNumber are the module's computations by their ids.
func (m *Module) byNumber() map[int64]*Computation {
	all := make(map[int64]*Computation, len(m.Computations))
	for _, c := range m.Computations {
		all[c.ID] = c
	}
	return all
}

// times is how often each computation runs, at least once: as often as those that call it, and in a loop each turn.
func (m *Module) times() map[int64]int {
	computations, times := m.byNumber(), map[int64]int{}
	left := 16 * len(m.Computations) // a damaged program may call in a circle
	var walk func(c *Computation, n int)
	walk = func(c *Computation, n int) {
		if left--; c == nil || left < 0 {
			return
		}
		times[c.ID] = n
		for _, i := range c.Instructions {
			more := n
			if i.Opcode == "while" {
				more = min(mostTurns, n*turns(i, computations))
			}
			for _, id := range i.Called {
				if more > times[id] {
					walk(computations[id], more)
				}
			}
		}
	}
	walk(computations[m.Entry], 1)
	for id := range computations {
		times[id] = max(1, times[id])
	}
	return times
}
