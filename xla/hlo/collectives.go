package hlo

import "strings"

// A Collective is one exchange of data among devices.
type Collective struct {
	Op      string    // "all-reduce", "all-gather", "all-to-all", "reduce-scatter", "collective-permute", ...
	Shapes  []Shape   // the arrays that a device has afterwards
	Bytes   int64     // of Shapes, per device
	Groups  [][]int64 // the devices that exchange with one another; none means all
	Count   int       // how many instructions of the program are this exchange
	Channel int64     // 0 if it has none
	Names   []string  // of those instructions
	OpName  string    // of the first that has one
	Purpose string    // a guess, see Collectives
}

// What a collective may be for in a MoCo step.
const (
	Images     = "images"
	Features   = "features"
	Keys       = "keys"
	Gradients  = "gradients"
	Statistics = "statistics"
)

var collectiveOps = map[string]bool{
	"all-reduce": true, "all-gather": true, "all-to-all": true, "reduce-scatter": true,
	"collective-permute": true, "collective-broadcast": true, "ragged-all-to-all": true,
}

// Collectives lists the exchanges of the program. Compilers repeat an instruction (TPU's asynchronous fusions hold 50
// copies of one all-gather): instructions with the same opcode and channel are one exchange, and so are the start and
// done of an asynchronous one. Instructions without a channel count one each.
//
// Purpose is a guess from opcode, type and size, for programs that train:
//
//   - 8-bit integers only: images;
//   - all-reduce and reduce-scatter: gradients if an array has three or more axes longer than 1, or two and all arrays
//     together 16 KiB; else statistics (BatchNorm's, the loss);
//   - else what the program says comes straight from an input (its name begins with "input/", as package xla names
//     operations), or, where it names no layer, an array with three or more axes longer than 1: images;
//   - else all-to-all and collective-permute: features;
//   - else keys.
func (m *Module) Collectives() []Collective {
	type key struct {
		op      string
		channel int64
	}
	at := map[key]int{}
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
				found = append(found, Collective{
					Op: op, Shapes: shapes, Bytes: sum(shapes), Groups: i.Groups, Channel: i.Channel,
					Purpose: purpose(op, i.OpName, shapes),
				})
			}
			f := &found[n]
			f.Count++
			f.Names = append(f.Names, i.Name)
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

func purpose(op, opName string, shapes []Shape) string {
	bytesOnly, axes := len(shapes) > 0, 0
	for _, s := range shapes {
		bytesOnly = bytesOnly && (s.DType == "u8" || s.DType == "s8")
		long := 0
		for _, d := range s.Dims {
			if d > 1 {
				long++
			}
		}
		axes = max(axes, long)
	}
	const small = 16 << 10
	switch {
	case bytesOnly:
		return Images
	case op == "all-reduce" || op == "reduce-scatter":
		if axes >= 3 || axes == 2 && sum(shapes) >= small {
			return Gradients
		}
		return Statistics
	case strings.HasPrefix(opName, "input/"), !strings.Contains(opName, "/") && axes >= 3:
		return Images
	case op == "all-to-all" || op == "collective-permute":
		return Features
	}
	return Keys
}
