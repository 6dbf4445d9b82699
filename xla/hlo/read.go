package hlo

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/mocotpu/mocotpu/xla/internal/hlopb"
)

// lenient reads what XLA of any version writes: fields that hlo.proto has not are left out.
var lenient = proto.UnmarshalOptions{DiscardUnknown: true}

// Read reads a serialized program as PJRT gives it: format "hlo" is an HloModuleProto, "hlo_with_config" an
// HloModuleProtoWithConfig.
func Read(format string, data []byte) (*Module, error) {
	var m hlopb.HloModuleProto
	data, err := Proto(format, data)
	if err != nil {
		return nil, err
	}
	if err := lenient.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("hlo: module: %w", err)
	}
	r := &reader{spelled: maxSpelled}
	read, err := r.module(&m)
	if err != nil {
		return nil, fmt.Errorf("hlo: module %s: %w", m.GetName(), err)
	}
	return read, nil
}

// Proto returns the HloModuleProto of a program in one of the formats that Read takes, for XLA's own tools.
func Proto(format string, data []byte) ([]byte, error) {
	switch format {
	case "hlo":
		return data, nil
	case "hlo_with_config":
		var p hlopb.HloModuleProtoWithConfig
		if err := lenient.Unmarshal(data, &p); err != nil {
			return nil, fmt.Errorf("hlo: %w", err)
		}
		return p.GetHloModule(), nil
	}
	return nil, fmt.Errorf("hlo: program format %q, want hlo or hlo_with_config", format)
}

// A reader makes what this package shows of what was unmarshalled, and checks it.
type reader struct {
	spelled int // how many device numbers may still be spelled out
}

func (r *reader) module(p *hlopb.HloModuleProto) (*Module, error) {
	m := &Module{Name: p.GetName(), Entry: p.GetEntryComputationId()}
	if len(p.GetComputations()) == 0 {
		return nil, errors.New("a module without computations")
	}
	for _, c := range p.GetComputations() {
		read, err := r.computation(c)
		if err != nil {
			return nil, fmt.Errorf("computation %s: %w", c.GetName(), err)
		}
		read.Schedule = p.GetSchedule().GetSequences()[read.ID].GetInstructionIds()
		m.Computations = append(m.Computations, read)
	}
	for _, a := range p.GetInputOutputAlias().GetEntries() {
		m.Aliases = append(m.Aliases, Alias{
			Output: a.GetOutputShapeIndex(), Parameter: a.GetParameterNumber(), Index: a.GetParameterShapeIndex(),
			Must: a.GetKind() == hlopb.Kind_MUST_ALIAS,
		})
	}
	return m, nil
}

func (r *reader) computation(p *hlopb.HloComputationProto) (*Computation, error) {
	c := &Computation{ID: p.GetId(), Name: p.GetName(), Root: p.GetRootId()}
	seen := map[int64]bool{}
	for _, i := range p.GetInstructions() {
		read, err := r.instruction(i)
		if err != nil {
			return nil, fmt.Errorf("instruction %s: %w", i.GetName(), err)
		}
		for _, id := range read.Operands { // so that no walk from user to operand goes in a circle
			if !seen[id] {
				return nil, fmt.Errorf("instruction %s: operand %d is not among the instructions before it", i.GetName(), id)
			}
		}
		seen[read.ID] = true
		c.Instructions = append(c.Instructions, read)
	}
	return c, nil
}

func (r *reader) instruction(p *hlopb.HloInstructionProto) (*Instruction, error) {
	shape, err := readShape(p.GetShape())
	if err != nil {
		return nil, err
	}
	groups, err := r.groups(p)
	if err != nil {
		return nil, err
	}
	return &Instruction{
		ID: p.GetId(), Name: p.GetName(), Opcode: p.GetOpcode(), Shape: shape,
		Operands: p.GetOperandIds(), Called: p.GetCalledComputationIds(), OpName: p.GetMetadata().GetOpName(),
		Integer: readInteger(p.GetLiteral()), Comparison: p.GetComparisonDirection(), Parameter: p.GetParameterNumber(), TupleIndex: p.GetTupleIndex(), Target: p.GetCustomCallTarget(),
		FusionKind: p.GetFusionKind(), Contracting: p.GetDotDimensionNumbers().GetLhsContractingDimensions(), Config: p.GetBackendConfig(),
		Channel: p.GetChannelId(), Groups: groups,
		Window: readWindow(p.GetWindow()), Conv: readConvDims(p.GetConvolutionDimensionNumbers()),
		FeatureGroup: max(1, p.GetFeatureGroupCount()), BatchGroup: max(1, p.GetBatchGroupCount()),
	}, nil
}

// readInteger is the value of a literal that is one integer, else nil.
func readInteger(p *hlopb.LiteralProto) *int64 {
	all := p.GetS64S()
	for _, v := range p.GetS32S() {
		all = append(all, int64(v))
	}
	if len(all) != 1 {
		return nil
	}
	return &all[0]
}

func readShape(p *hlopb.ShapeProto) (Shape, error) {
	s := Shape{Dims: p.GetDimensions()}
	if kind := p.GetElementType(); kind != hlopb.PrimitiveType_TUPLE {
		s.DType = elementName(kind)
	}
	for _, t := range p.GetTupleShapes() {
		element, err := readShape(t)
		if err != nil {
			return Shape{}, err
		}
		s.Tuple = append(s.Tuple, element)
	}
	layout := p.GetLayout()
	s.Order, s.Space = layout.GetMinorToMajor(), layout.GetMemorySpace()
	for _, t := range layout.GetTiles() {
		s.Tiles = append(s.Tiles, t.GetDimensions())
	}
	for axis := range s.Order {
		if len(s.Order) != len(s.Dims) || !slices.Contains(s.Order, int64(axis)) {
			return Shape{}, fmt.Errorf("shape %s: the layout %v is no order of its %d axes", s, s.Order, len(s.Dims))
		}
	}
	return s, nil
}

// elementName is a type as XLA writes it; one that is newer than hlo.proto has its number.
func elementName(kind hlopb.PrimitiveType) string {
	switch _, known := hlopb.PrimitiveType_name[int32(kind)]; {
	case !known || kind == hlopb.PrimitiveType_PRIMITIVE_TYPE_INVALID:
		return "type" + strconv.Itoa(int(kind))
	case kind == hlopb.PrimitiveType_OPAQUE_TYPE:
		return "opaque"
	}
	return strings.ToLower(kind.String())
}

func readWindow(p *hlopb.Window) []WindowDim {
	var w []WindowDim
	for _, d := range p.GetDimensions() {
		w = append(w, WindowDim{
			Size: d.GetSize(), Stride: d.GetStride(), PadLow: d.GetPaddingLow(), PadHigh: d.GetPaddingHigh(),
			Dilation: max(1, d.GetWindowDilation()), BaseDilation: max(1, d.GetBaseDilation()), Reversed: d.GetWindowReversal(),
		})
	}
	return w
}

func readConvDims(p *hlopb.ConvolutionDimensionNumbers) *ConvDims {
	if p == nil {
		return nil
	}
	return &ConvDims{
		InputBatch: p.GetInputBatchDimension(), InputFeature: p.GetInputFeatureDimension(),
		KernelInput: p.GetKernelInputFeatureDimension(), KernelOutput: p.GetKernelOutputFeatureDimension(),
		OutputBatch: p.GetOutputBatchDimension(), OutputFeature: p.GetOutputFeatureDimension(),
		InputSpatial: p.GetInputSpatialDimensions(), KernelSpatial: p.GetKernelSpatialDimensions(),
		OutputSpatial: p.GetOutputSpatialDimensions(),
	}
}
