package onnx_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mocotpu/mocotpu/models/format/onnx"
)

// small is the model of testdata/record.py.
func small() *onnx.ModelProto {
	var kernel []byte
	for i := range byte(6) {
		kernel = append(kernel, i, 0, 128, 63)
	}
	free := []string{"N", "N", "height", "width"}
	return &onnx.ModelProto{
		IrVersion: proto.Int64(8), ProducerName: proto.String("mocotpu"),
		OpsetImport: []*onnx.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(17)}},
		Graph: &onnx.GraphProto{
			Name: proto.String("encoder"),
			Node: []*onnx.NodeProto{
				onnx.Node("Conv", []string{"images", "kernel"}, []string{"conv"}, onnx.Ints("kernel_shape", 1, 1), onnx.Ints("pads", 0, 0, 300, 0)),
				onnx.Node("LeakyRelu", []string{"conv"}, []string{"relu"}, onnx.Float("alpha", 1e-5)),
				onnx.Node("Mul", []string{"relu", "scale"}, []string{"mul"}),
				onnx.Node("Flatten", []string{"mul"}, []string{"features"}, onnx.Int("axis", 0)),
			},
			Initializer: []*onnx.TensorProto{onnx.Tensor("kernel", []int{2, 3, 1, 1}, kernel), onnx.Tensor("scale", nil, []byte{0, 0, 128, 63})},
			Input:       []*onnx.ValueInfoProto{onnx.Value("images", []int{-1, 3, -1, 8}, free)},
			Output:      []*onnx.ValueInfoProto{onnx.Value("features", []int{1, -1}, free)},
		},
	}
}

// What is written is, byte for byte, what the onnx package of Python (1.23.2) writes of the same model, after its checker
// accepted it: every number of a field is ONNX's.
func TestWritesWhatOnnxWrites(t *testing.T) {
	recorded, err := os.ReadFile("testdata/conv.onnx")
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if err := onnx.Write(&written, small()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written.Bytes(), recorded) {
		t.Errorf("wrote %x,\nonnx %x", written.Bytes(), recorded)
	}
	read, err := onnx.Read(recorded)
	if err != nil || !proto.Equal(read, small()) {
		t.Errorf("read %v, %v, want %v", read, err, small())
	}
}

// Each way in which a graph can be wrong is an error that says where, in writing and in reading.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(g *onnx.GraphProto)
		want  string
	}{
		{"order", func(g *onnx.GraphProto) { slices.Reverse(g.Node) }, "operator features (Flatten) reads mul, which nothing before it makes"},
		{"no weight", func(g *onnx.GraphProto) { g.Initializer = nil }, "reads kernel"},
		{"no input", func(g *onnx.GraphProto) { g.Input = nil }, "reads images"},
		{"no output", func(g *onnx.GraphProto) { g.Node = g.Node[:3] }, "nothing makes the output features"},
		{"one name twice", func(g *onnx.GraphProto) { g.Node = append(g.Node, g.Node[1]) }, "two values are named relu"},
		{"a weight named as an input", func(g *onnx.GraphProto) { g.Initializer[0].Name = g.Input[0].Name }, "two values are named images"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := small()
			test.spoil(m.Graph)
			if err := onnx.Write(&bytes.Buffer{}, m); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Write: got %v, want %q", err, test.want)
			}
			data, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := onnx.Read(data); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Read: got %v, want %q", err, test.want)
			}
		})
	}
	for _, data := range []string{"", "\xff", "{}"} {
		if m, err := onnx.Read([]byte(data)); err == nil {
			t.Errorf("%q reads as %v", data, m)
		}
	}
}
