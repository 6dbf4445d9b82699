package hlo

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteText writes the program as XLA's tools show one: computations, the entry last, and in each the instructions in the
// order they run where the program says it. It is for reading: it has what this package reads, and XLA's parser does not
// take it (Proto is for XLA's tools).
func (m *Module) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "HloModule %s\n", m.Name)
	for _, a := range m.Aliases {
		fmt.Fprintf(b, "  // output %v lies in parameter %d%v\n", a.Output, a.Parameter, a.Index)
	}
	names := map[int64]string{}
	for _, c := range m.Computations {
		names[c.ID] = c.Name
	}
	for _, c := range m.Computations {
		if c.ID != m.Entry {
			c.write(b, "", c.scheduled(), names)
		}
	}
	if entry := m.computation(m.Entry); entry != nil {
		entry.write(b, "ENTRY ", entry.scheduled(), names)
	}
	return b.Flush()
}

func (c *Computation) write(b *bufio.Writer, prefix string, order []*Instruction, computations map[int64]string) {
	names := map[int64]string{}
	for _, i := range c.Instructions {
		names[i.ID] = i.Name
	}
	fmt.Fprintf(b, "\n%s%%%s {\n", prefix, c.Name)
	for _, i := range order {
		root := ""
		if i.ID == c.Root {
			root = "ROOT "
		}
		fmt.Fprintf(b, "  %s%%%s = %s %s(%s)%s\n", root, i.Name, i.Shape.laidOut(), i.Opcode, i.operandText(names), i.attributeText(computations))
	}
	fmt.Fprint(b, "}\n")
}

func (i *Instruction) operandText(names map[int64]string) string {
	if i.Opcode == "parameter" {
		return strconv.FormatInt(i.Parameter, 10)
	}
	operands := make([]string, len(i.Operands))
	for k, id := range i.Operands {
		operands[k] = "%" + names[id]
	}
	return strings.Join(operands, ", ")
}

func (i *Instruction) attributeText(computations map[int64]string) string {
	var s strings.Builder
	if i.Opcode == "get-tuple-element" {
		fmt.Fprintf(&s, ", index=%d", i.TupleIndex)
	}
	if len(i.Window) > 0 {
		fmt.Fprintf(&s, ", window={%s}", windowText(i.Window))
	}
	if i.Conv != nil {
		fmt.Fprintf(&s, ", dim_labels=%s", i.Conv)
	}
	if i.FeatureGroup > 1 {
		fmt.Fprintf(&s, ", feature_group_count=%d", i.FeatureGroup)
	}
	if i.BatchGroup > 1 {
		fmt.Fprintf(&s, ", batch_group_count=%d", i.BatchGroup)
	}
	if i.Channel != 0 {
		fmt.Fprintf(&s, ", channel_id=%d", i.Channel)
	}
	if len(i.Groups) > 0 {
		groups := strings.ReplaceAll(fmt.Sprint(i.Groups), " ", ",")
		fmt.Fprintf(&s, ", replica_groups=%s", strings.NewReplacer("[", "{", "]", "}").Replace(groups))
	}
	if i.Target != "" {
		fmt.Fprintf(&s, ", custom_call_target=%q", i.Target)
	}
	if len(i.Called) > 0 {
		called := make([]string, len(i.Called))
		for k, id := range i.Called {
			called[k] = "%" + computations[id]
		}
		fmt.Fprintf(&s, ", calls=%s", strings.Join(called, ","))
	}
	if i.OpName != "" {
		fmt.Fprintf(&s, ", metadata={op_name=%q}", i.OpName)
	}
	return s.String()
}

func windowText(dims []WindowDim) string {
	axes := func(name string, of func(WindowDim) string, plain string) string {
		parts := make([]string, len(dims))
		same := true
		for i, d := range dims {
			parts[i] = of(d)
			same = same && parts[i] == plain
		}
		if same {
			return ""
		}
		return name + "=" + strings.Join(parts, "x")
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	var parts []string
	for _, p := range []string{
		axes("size", func(d WindowDim) string { return number(d.Size) }, ""),
		axes("stride", func(d WindowDim) string { return number(d.Stride) }, "1"),
		axes("pad", func(d WindowDim) string { return number(d.PadLow) + "_" + number(d.PadHigh) }, "0_0"),
		axes("lhs_dilate", func(d WindowDim) string { return number(d.BaseDilation) }, "1"),
		axes("rhs_dilate", func(d WindowDim) string { return number(d.Dilation) }, "1"),
		axes("rhs_reversal", func(d WindowDim) string { return strconv.FormatBool(d.Reversed) }, "false"),
	} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}

// String writes the axes as XLA does: "b01f_01io->b01f".
func (d *ConvDims) String() string {
	text := func(spatial []int64, axes map[int64]byte) string {
		for i, at := range spatial {
			axes[at] = byte('0' + i)
		}
		s := make([]byte, len(axes))
		for at, label := range axes {
			if at >= 0 && at < int64(len(s)) {
				s[at] = label
			}
		}
		return string(s)
	}
	return text(d.InputSpatial, map[int64]byte{d.InputBatch: 'b', d.InputFeature: 'f'}) + "_" +
		text(d.KernelSpatial, map[int64]byte{d.KernelInput: 'i', d.KernelOutput: 'o'}) + "->" +
		text(d.OutputSpatial, map[int64]byte{d.OutputBatch: 'b', d.OutputFeature: 'f'})
}

// laidOut writes the shape with its layout: "f32[16,8]{1,0:T(8,128)}", memory on the chip as S(1).
func (s Shape) laidOut() string {
	if s.DType == "" {
		parts := make([]string, len(s.Tuple))
		for i, t := range s.Tuple {
			parts[i] = t.laidOut()
		}
		return "(" + strings.Join(parts, ", ") + ")"
	}
	text := s.String()
	if len(s.Order) == 0 && len(s.Tiles) == 0 && s.Space == 0 {
		return text
	}
	var rest string
	if len(s.Tiles) > 0 {
		rest = ":T"
		for _, tile := range s.Tiles {
			rest += "(" + joined(tile) + ")"
		}
	}
	if s.Space != 0 {
		if rest == "" {
			rest = ":"
		}
		rest += "S(" + strconv.FormatInt(s.Space, 10) + ")"
	}
	return text + "{" + joined(s.Order) + rest + "}"
}

func joined(values []int64) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = strconv.FormatInt(v, 10)
	}
	return strings.Join(parts, ",")
}
