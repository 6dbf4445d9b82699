package hlo

import "strings"

// A Collective is one exchange of data among devices.
type Collective struct {
	Op     string    // "all-reduce", "all-gather", "all-to-all", "reduce-scatter", "collective-permute", ...
	Shapes []Shape   // the arrays that a device has afterwards
	Bytes  int64     // of Shapes, per device
	Groups [][]int64 // the devices that exchange with one another; none means all
	Count  int       // how many instructions of the program are this exchange
	Times  int       // how often it happens, more than once in a loop whose turns are known
	// OpName is where the first of the instructions that says so comes from. An exchange that the compiler made of
	// several has the name of one of them.
	OpName string
}

var collectiveOps = map[string]bool{
	"all-reduce": true, "all-gather": true, "all-to-all": true, "reduce-scatter": true,
	"collective-permute": true, "collective-broadcast": true, "ragged-all-to-all": true,
}

// Collectives lists the exchanges of the program. Compilers repeat an instruction (TPU's asynchronous fusions hold 50
// copies of one all-gather): instructions with the same opcode and channel are one exchange, and so are the start and
// done of an asynchronous one. Instructions without a channel count one each.
func (m *Module) Collectives() []Collective {
	type key struct {
		op      string
		channel int64
	}
	at := map[key]int{}
	times := m.times()
	var found []Collective
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			op := strings.TrimSuffix(i.Opcode, "-start")
			if !collectiveOps[op] {
				continue
			}
			k := key{op, i.Channel}
			n, seen := at[k]
			if !seen || i.Channel == 0 {
				n = len(found)
				at[k] = n
				shapes := received(op, i)
				found = append(found, Collective{Op: op, Shapes: shapes, Bytes: sum(shapes), Groups: i.Groups, Times: times[c.ID]})
			}
			f := &found[n]
			f.Count++
			if f.OpName == "" {
				f.OpName = i.OpName
			}
		}
	}
	return found
}

// received returns the arrays that a device gets. Most starts return (operands, results, ...).
func received(op string, i *Instruction) []Shape {
	s := i.Shape
	if strings.HasSuffix(i.Opcode, "-start") && op != "all-reduce" && len(s.Tuple) >= 2 {
		s = s.Tuple[1]
	}
	return s.Leaves()
}

func sum(shapes []Shape) int64 {
	var n int64
	for _, s := range shapes {
		n += s.Bytes()
	}
	return n
}
