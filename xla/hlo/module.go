package hlo

import (
	"errors"
	"fmt"
)

// A Module is a compiled program, one device's part of it.
type Module struct {
	Name         string
	Entry        int64 // id of the entry computation
	Computations []*Computation
	Aliases      []Alias
	Schedule     []int64 // ids of the entry's instructions in the order they run, empty if the program has none
}

// A Computation is a list of instructions, operands before users.
type Computation struct {
	ID           int64
	Name         string
	Root         int64 // id of the instruction whose value it returns
	Instructions []*Instruction
}

// An Instruction computes one value.
type Instruction struct {
	ID           int64
	Name, Opcode string
	Shape        Shape
	Operands     []int64 // ids within the same computation
	Called       []int64 // ids of computations: a fusion's body, a reduction, ...
	OpName       string  // where it came from, "" if the program does not say
	Parameter    int64   // a parameter's number
	TupleIndex   int64   // of get-tuple-element
	Target       string  // what a custom-call calls
	Channel      int64   // of a collective, 0 if it has none
	Groups       [][]int64
	Window       []WindowDim // of a convolution or reduce-window
	Conv         *ConvDims   // of a convolution
	FeatureGroup int64       // of a convolution, at least 1
	BatchGroup   int64       // of a convolution, at least 1
	Config       []byte      // the backend's own notes
}

// WindowDim is one spatial dimension of a window.
type WindowDim struct {
	Size, Stride, PadLow, PadHigh, Dilation, BaseDilation int64
	Reversed                                              bool
}

// ConvDims says which axes of a convolution's input, kernel and output are what.
type ConvDims struct {
	InputBatch, InputFeature, KernelInput, KernelOutput, OutputBatch, OutputFeature int64
	InputSpatial, KernelSpatial, OutputSpatial                                      []int64
}

// An Alias says that an output shares its memory with a parameter.
type Alias struct {
	Output    []int64 // index into the result tuple, empty if the result is no tuple
	Parameter int64
	Index     []int64 // index into the parameter if it is a tuple
	Must      bool    // false: XLA may copy
}

// Read reads a serialized program as PJRT gives it: format "hlo" is an HloModuleProto, "hlo_with_config" an
// HloModuleProtoWithConfig.
func Read(format string, data []byte) (*Module, error) {
	data, err := Proto(format, data)
	if err != nil {
		return nil, err
	}
	m, err := readModule(data)
	if err != nil {
		return nil, fmt.Errorf("hlo: %w", err)
	}
	return m, nil
}

// Proto returns the HloModuleProto of a program in one of the formats that Read takes, for XLA's own tools.
func Proto(format string, data []byte) ([]byte, error) {
	switch format {
	case "hlo":
		return data, nil
	case "hlo_with_config":
		var module []byte
		if err := fields(data, func(f field) error {
			if f.num == 1 {
				module = f.bytes
			}
			return nil
		}); err != nil {
			return nil, fmt.Errorf("hlo: %w", err)
		}
		return module, nil
	}
	return nil, fmt.Errorf("hlo: program format %q, want hlo or hlo_with_config", format)
}

// Opcodes counts the instructions of all computations by opcode.
func (m *Module) Opcodes() map[string]int {
	n := map[string]int{}
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			n[i.Opcode]++
		}
	}
	return n
}

// AliasedBytes returns how many bytes of parameters share their memory with outputs.
func (m *Module) AliasedBytes() int64 {
	parameters := map[int64]Shape{}
	if entry := m.computation(m.Entry); entry != nil {
		for _, i := range entry.Instructions {
			if i.Opcode == "parameter" {
				parameters[i.Parameter] = i.Shape
			}
		}
	}
	var total int64
	for _, a := range m.Aliases {
		s := parameters[a.Parameter]
		for _, i := range a.Index {
			if i < 0 || i >= int64(len(s.Tuple)) {
				s = Shape{}
				break
			}
			s = s.Tuple[i]
		}
		total += s.Bytes()
	}
	return total
}

func (m *Module) computation(id int64) *Computation {
	for _, c := range m.Computations {
		if c.ID == id {
			return c
		}
	}
	return nil
}

func readModule(b []byte) (*Module, error) {
	m := &Module{}
	schedules := map[int64][]int64{}
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 1:
			m.Name = string(f.bytes)
		case 3:
			var c *Computation
			c, err = readComputation(f.bytes)
			m.Computations = append(m.Computations, c)
		case 6:
			m.Entry = int64(f.varint)
		case 7:
			err = readSchedules(f.bytes, schedules)
		case 8:
			err = fields(f.bytes, func(f field) error {
				a, err := readAlias(f.bytes)
				m.Aliases = append(m.Aliases, a)
				return err
			})
		}
		return err
	})
	if err == nil && len(m.Computations) == 0 {
		err = errors.New("a module without computations")
	}
	m.Schedule = schedules[m.Entry]
	return m, within("module", err)
}

// readSchedules reads an HloScheduleProto, a map from computations to their instructions.
func readSchedules(b []byte, to map[int64][]int64) error {
	return within("schedule", fields(b, func(f field) error {
		var computation int64
		var order []int64
		err := fields(f.bytes, func(f field) error {
			switch f.num {
			case 1:
				computation = int64(f.varint)
			case 2:
				return fields(f.bytes, func(f field) (err error) {
					order, err = appendInts(order, f)
					return err
				})
			}
			return nil
		})
		to[computation] = order
		return err
	}))
}

func readAlias(b []byte) (Alias, error) {
	var a Alias
	const mustAlias = 2
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 1:
			a.Output, err = appendInts(a.Output, f)
		case 2:
			a.Parameter = int64(f.varint)
		case 3:
			a.Index, err = appendInts(a.Index, f)
		case 4:
			a.Must = f.varint == mustAlias
		}
		return err
	})
	return a, within("alias", err)
}

func readComputation(b []byte) (*Computation, error) {
	c := &Computation{}
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 1:
			c.Name = string(f.bytes)
		case 2:
			var i *Instruction
			i, err = readInstruction(f.bytes)
			c.Instructions = append(c.Instructions, i)
		case 5:
			c.ID = int64(f.varint)
		case 6:
			c.Root = int64(f.varint)
		}
		return err
	})
	return c, within("computation "+c.Name, err)
}
