package convert

import (
	"bytes"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
)

// The numbers of the fields of onnx.proto that are used here, by message.
const (
	modelIRVersion = 1
	modelProducer  = 2
	modelGraph     = 7
	modelOpset     = 8
	opsetVersion   = 2

	graphNode        = 1
	graphName        = 2
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOp        = 4
	nodeAttribute = 5

	attributeName  = 1
	attributeFloat = 2
	attributeInt   = 3
	attributeInts  = 8
	attributeType  = 20

	tensorDims = 1
	tensorType = 2
	tensorName = 8
	tensorRaw  = 9

	valueName      = 1
	valueType      = 2
	typeTensor     = 1
	tensorElem     = 1
	tensorShape    = 2
	shapeDim       = 1
	dimValue       = 1
	dimParam       = 2
	elementFloat   = 1
	attributeIsF   = 1
	attributeIsI   = 2
	attributeAreIs = 7
)

// message builds one protobuf message.
type message []byte

func (m *message) varint(field protowire.Number, v int) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(v))
}

func (m *message) bytes(field protowire.Number, data []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), data)
}

func (m *message) text(field protowire.Number, s string) { m.bytes(field, []byte(s)) }

func (m *message) float(field protowire.Number, v float32) {
	*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), math.Float32bits(v))
}

// writeOnnx writes the model.
func writeOnnx(w io.Writer, g *onnxGraph) error {
	size := 0
	for _, t := range g.weights {
		size += len(t.Data)
	}
	if size > math.MaxInt32-1<<20 {
		return fmt.Errorf("%w: %d bytes of weights, a protobuf ends at 2 GiB", ErrUnsupported, size)
	}
	var opset message
	opset.varint(opsetVersion, onnxOpset)
	graph := make(message, 0, size+1<<20)
	for _, n := range g.nodes {
		graph.bytes(graphNode, n.encode())
	}
	graph.text(graphName, "encoder")
	for _, t := range g.weights {
		graph.bytes(graphInitializer, encodeTensor(t))
	}
	for _, v := range g.inputs {
		graph.bytes(graphInput, encodeValue(v))
	}
	for _, v := range g.outputs {
		graph.bytes(graphOutput, encodeValue(v))
	}
	var head message
	head.varint(modelIRVersion, onnxIRVersion)
	head.text(modelProducer, "mocotpu")
	head.bytes(modelOpset, opset)
	head = protowire.AppendVarint(protowire.AppendTag(head, modelGraph, protowire.BytesType), uint64(len(graph)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(graph)
	return err
}

func (n onnxNode) encode() message {
	var m message
	for _, name := range n.inputs {
		m.text(nodeInput, name)
	}
	for _, name := range n.outputs {
		m.text(nodeOutput, name)
	}
	m.text(nodeName, n.outputs[0])
	m.text(nodeOp, n.op)
	for _, a := range n.attributes {
		var e message
		e.text(attributeName, a.name)
		switch {
		case a.list:
			for _, v := range a.ints {
				e.varint(attributeInts, v)
			}
			e.varint(attributeType, attributeAreIs)
		case len(a.ints) == 1:
			e.varint(attributeInt, a.ints[0])
			e.varint(attributeType, attributeIsI)
		default:
			e.float(attributeFloat, a.number)
			e.varint(attributeType, attributeIsF)
		}
		m.bytes(nodeAttribute, e)
	}
	return m
}

func encodeTensor(t safetensors.Tensor) message {
	var m message
	for _, n := range t.Shape {
		m.varint(tensorDims, n)
	}
	m.varint(tensorType, elementFloat)
	m.text(tensorName, t.Name)
	m.bytes(tensorRaw, t.Data)
	return m
}

// freeDims names the dimensions that are free, by axis: a program's input and outputs share the first.
var freeDims = []string{"N", "channel", "height", "width"}

func encodeValue(v Value) message {
	var shape, tensor, kind, m message
	for axis, n := range v.Shape {
		var dim message
		if n < 0 {
			dim.text(dimParam, freeDims[axis])
		} else {
			dim.varint(dimValue, n)
		}
		shape.bytes(shapeDim, dim)
	}
	tensor.varint(tensorElem, elementFloat)
	tensor.bytes(tensorShape, shape)
	kind.bytes(typeTensor, tensor)
	m.text(valueName, v.Name)
	m.bytes(valueType, kind)
	return m
}

// compare reads a model back: its graph must hold the operators, in an order in which each finds its inputs, and the
// weights, bit by bit.
func (g *onnxGraph) compare(model []byte) error {
	graph, err := onlyField(model, modelGraph)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, v := range g.inputs {
		known[v.Name] = true
	}
	nodes, err := fields(graph, graphNode)
	if err != nil {
		return err
	}
	initializers, err := fields(graph, graphInitializer)
	if err != nil {
		return err
	}
	if len(nodes) != len(g.nodes) || len(initializers) != len(g.weights) {
		return fmt.Errorf("%d operators and %d weights, want %d and %d", len(nodes), len(initializers), len(g.nodes), len(g.weights))
	}
	for i, t := range g.weights {
		if !bytes.Equal(initializers[i], encodeTensor(t)) {
			return fmt.Errorf("weight %d differs from %s", i, t.Name)
		}
		known[t.Name] = true
	}
	for i, n := range g.nodes {
		if !bytes.Equal(nodes[i], n.encode()) {
			return fmt.Errorf("operator %d differs from %s", i, n.op)
		}
		for _, name := range n.inputs {
			if !known[name] {
				return fmt.Errorf("operator %s reads %s, which nothing before it makes", n.op, name)
			}
		}
		for _, name := range n.outputs {
			if known[name] {
				return fmt.Errorf("two values are named %s", name)
			}
			known[name] = true
		}
	}
	for _, v := range g.outputs {
		if !known[v.Name] {
			return fmt.Errorf("nothing makes the output %s", v.Name)
		}
	}
	return nil
}

func onlyField(m []byte, number protowire.Number) ([]byte, error) {
	all, err := fields(m, number)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d fields of number %d, want one", len(all), number)
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// fields returns the bytes fields of that number.
func fields(m []byte, number protowire.Number) ([][]byte, error) {
	var all [][]byte
	for len(m) > 0 {
		n, kind, size := protowire.ConsumeTag(m)
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		m = m[size:]
		if n == number && kind == protowire.BytesType {
			value, size := protowire.ConsumeBytes(m)
			if size < 0 {
				return nil, protowire.ParseError(size)
			}
			all, m = append(all, value), m[size:]
			continue
		}
		if size = protowire.ConsumeFieldValue(n, kind, m); size < 0 {
			return nil, protowire.ParseError(size)
		}
		m = m[size:]
	}
	return all, nil
}
