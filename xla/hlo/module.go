package hlo

// A Module is a compiled program, one device's part of it.
type Module struct {
	Name         string
	Entry        int64 // id of the entry computation
	Computations []*Computation
	Aliases      []Alias
}

// A Computation is a list of instructions, operands before users.
type Computation struct {
	ID           int64
	Name         string
	Root         int64 // id of the instruction whose value it returns
	Instructions []*Instruction
	Schedule     []int64 // ids of the instructions in the order they run, empty if the program has none
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
	Integer      *int64  // of a constant that is one integer of 32 or 64 bits
	Comparison   string  // of a compare: "LT", ...
	Target       string  // what a custom-call calls
	FusionKind   string  // of a fusion: "kLoop", "kInput", "kCustom", ...
	Contracting  []int64 // of a dot: the axes of the first operand that are summed over
	Config       []byte  // what the backend has to know of the instruction; XLA's GPU and CPU compilers write JSON
	Channel      int64   // of a collective, 0 if it has none
	Groups       [][]int64
	Window       []WindowDim // of a convolution or reduce-window
	Conv         *ConvDims   // of a convolution
	FeatureGroup int64       // of a convolution, at least 1
	BatchGroup   int64       // of a convolution, at least 1
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

func (m *Module) computation(id int64) *Computation {
	for _, c := range m.Computations {
		if c.ID == id {
			return c
		}
	}
	return nil
}
