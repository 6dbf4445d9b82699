package onnx

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/proto"
)

// ErrTooLarge says that a model has more bytes than a protobuf can.
var ErrTooLarge = errors.New("a protobuf ends at 2 GiB")

// Write writes a model that Check accepts.
func Write(w io.Writer, m *ModelProto) error {
	if err := check(m.GetGraph()); err != nil {
		return err
	}
	if size := proto.Size(m); size > math.MaxInt32 {
		return fmt.Errorf("onnx: the model has %d bytes: %w", size, ErrTooLarge)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	_, err = w.Write(data)
	return err
}

// Read reads a model that Check accepts. It copies from data.
func Read(data []byte) (*ModelProto, error) {
	m := &ModelProto{}
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if m.GetGraph() == nil {
		return nil, errors.New("onnx: the model has no graph")
	}
	return m, check(m.GetGraph())
}

// check reports an operator that reads what nothing before it makes, a name that two values have, and an output that
// nothing makes.
func check(g *GraphProto) error {
	known := map[string]bool{}
	add := func(name string) error {
		if known[name] {
			return fmt.Errorf("onnx: two values are named %s", name)
		}
		known[name] = true
		return nil
	}
	for _, v := range g.GetInput() {
		if err := add(v.GetName()); err != nil {
			return err
		}
	}
	for _, t := range g.GetInitializer() {
		if err := add(t.GetName()); err != nil {
			return err
		}
	}
	for _, n := range g.GetNode() {
		for _, name := range n.GetInput() {
			if !known[name] {
				return fmt.Errorf("onnx: operator %s (%s) reads %s, which nothing before it makes", n.GetName(), n.GetOpType(), name)
			}
		}
		for _, name := range n.GetOutput() {
			if err := add(name); err != nil {
				return err
			}
		}
	}
	for _, v := range g.GetOutput() {
		if !known[v.GetName()] {
			return fmt.Errorf("onnx: nothing makes the output %s", v.GetName())
		}
	}
	return nil
}

// Node is an operator, named after its first output.
func Node(op string, inputs, outputs []string, attributes ...*AttributeProto) *NodeProto {
	return &NodeProto{Input: inputs, Output: outputs, Name: proto.String(outputs[0]), OpType: proto.String(op), Attribute: attributes}
}

// Int is an attribute that is a number.
func Int(name string, value int) *AttributeProto {
	return &AttributeProto{Name: proto.String(name), I: proto.Int64(int64(value)), Type: AttributeProto_INT.Enum()}
}

// Ints is an attribute that is a list of numbers.
func Ints(name string, values ...int) *AttributeProto {
	return &AttributeProto{Name: proto.String(name), Ints: int64s(values), Type: AttributeProto_INTS.Enum()}
}

// Float is an attribute that is a float.
func Float(name string, value float32) *AttributeProto {
	return &AttributeProto{Name: proto.String(name), F: proto.Float32(value), Type: AttributeProto_FLOAT.Enum()}
}

// Tensor is a weight: little-endian float32 values of a shape, which are not copied.
func Tensor(name string, dims []int, data []byte) *TensorProto {
	return &TensorProto{Dims: int64s(dims), DataType: proto.Int32(int32(TensorProto_FLOAT)), Name: proto.String(name), RawData: data}
}

// Value is a float32 input or output. A dimension below zero is free, and has the name that free has for its axis;
// dimensions of one name are equal.
func Value(name string, dims []int, free []string) *ValueInfoProto {
	shape := &TensorShapeProto{}
	for axis, n := range dims {
		d := &TensorShapeProto_Dimension{Value: &TensorShapeProto_Dimension_DimValue{DimValue: int64(n)}}
		if n < 0 {
			d.Value = &TensorShapeProto_Dimension_DimParam{DimParam: free[axis]}
		}
		shape.Dim = append(shape.Dim, d)
	}
	tensor := &TypeProto_Tensor{ElemType: proto.Int32(int32(TensorProto_FLOAT)), Shape: shape}
	return &ValueInfoProto{Name: proto.String(name), Type: &TypeProto{Value: &TypeProto_TensorType{TensorType: tensor}}}
}

func int64s(values []int) []int64 {
	wide := make([]int64, len(values))
	for i, v := range values {
		wide[i] = int64(v)
	}
	return wide
}
