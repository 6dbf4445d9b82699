package convert

import (
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/onnx"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// The versions of ONNX: of the operators, and of the file, the oldest that goes with them.
const (
	onnxOpset     = 17
	onnxIRVersion = 8
)

// onnxFormat is the encoder in inference as an ONNX program of torchvision's operators, for any number and size of
// images. The initializers have torchvision's names.
func onnxFormat(s Source, _ Options, m *Manifest) ([]artifact, error) {
	g, err := onnxEncoder(s.Encoder)
	if err != nil {
		return nil, err
	}
	network := s.Encoder.Manifest.Network
	m.Opset, m.Tensors = onnxOpset, len(g.Initializer)
	m.Inputs = []Value{{
		Name: programImages, DType: "float32", Shape: []int{-1, s.Encoder.Manifest.Network.Config().ImageChannels(), -1, -1},
		Meaning: colours(s.Encoder.Manifest.Network) + " images [N, channel, height, width], (pixel/255 - mean) / std",
	}}
	m.Outputs = []Value{{Name: programFeatures, DType: "float32", Shape: []int{-1, network.Features}, Meaning: meaningFeatures}}
	if network.Head != resnet.HeadNone {
		m.Outputs = append(m.Outputs, Value{
			Name: programProjections, DType: "float32", Shape: []int{-1, network.Projection}, Meaning: meaningProjections,
		})
	}
	g.Input, g.Output = onnxValues(m.Inputs), onnxValues(m.Outputs)
	return []artifact{onnxArtifact(&onnx.ModelProto{
		IrVersion: proto.Int64(onnxIRVersion), ProducerName: proto.String("mocotpu"), Graph: g.GraphProto,
		OpsetImport: []*onnx.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(onnxOpset)}},
	})}, nil
}

// onnxValues are the program's inputs or outputs. The first dimension, which is free, has one name in all.
func onnxValues(values []Value) []*onnx.ValueInfoProto {
	var all []*onnx.ValueInfoProto
	for _, v := range values {
		all = append(all, onnx.Value(v.Name, v.Shape, []string{"N", "channel", "height", "width"}))
	}
	return all
}

func onnxArtifact(model *onnx.ModelProto) artifact {
	return artifact{
		write: func(w io.Writer) error {
			err := onnx.Write(w, model)
			if errors.Is(err, onnx.ErrTooLarge) {
				err = fmt.Errorf("%w: %w", ErrUnsupported, err)
			}
			return err
		},
		verify: func(path string) error {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			read, err := onnx.Read(content)
			if err == nil && !proto.Equal(read, model) {
				err = errors.New("the model differs from the one that was written")
			}
			return err
		},
	}
}

// onnxGraph collects operators and weights.
type onnxGraph struct{ *onnx.GraphProto }

// onnxEncoder is resnet.Forward in ONNX's operators.
func onnxEncoder(w *encoder.Weights) (onnxGraph, error) {
	g := onnxGraph{&onnx.GraphProto{Name: proto.String("encoder")}}
	tensors, err := w.StateDict("F32")
	if err != nil {
		return g, err
	}
	for _, t := range tensors {
		if t.DType == "F32" { // the counts of batches are for training only
			g.Initializer = append(g.Initializer, onnx.Tensor(t.Name, t.Shape, t.Data))
		}
	}
	c := w.Manifest.Network.Config()
	x := programImages
	if c.Stem == resnet.StemSmall {
		x = g.relu(g.convNorm(x, "conv1", "bn1", 3, 1))
	} else {
		x = g.relu(g.convNorm(x, "conv1", "bn1", 7, 2))
		x = g.add("MaxPool", "maxpool", []string{x}, onnx.Ints("kernel_shape", 3, 3), onnx.Ints("strides", 2, 2), onnx.Ints("pads", 1, 1, 1, 1))
	}
	for _, b := range c.Blocks() {
		x = g.block(x, b)
	}
	x = g.add("GlobalAveragePool", "avgpool", []string{x})
	g.node("Flatten", []string{x}, programFeatures, onnx.Int("axis", 1))
	g.head(c.Head)
	return g, nil
}

func (g onnxGraph) block(x string, b resnet.Block) string {
	y := x
	for i := 1; i <= b.Convs; i++ {
		size, stride := 3, 1
		if b.Convs == 3 && i != 2 {
			size = 1 // a bottleneck's first and last
		}
		if i == b.Strided {
			stride = b.Stride
		}
		y = g.convNorm(y, fmt.Sprintf("%s.conv%d", b.Name, i), fmt.Sprintf("%s.bn%d", b.Name, i), size, stride)
		if i < b.Convs {
			y = g.relu(y)
		}
	}
	if b.Downsample {
		x = g.convNorm(x, b.Name+".downsample.0", b.Name+".downsample.1", 1, b.Stride)
	}
	return g.relu(g.add("Add", b.Name+".add", []string{y, x}))
}

func (g onnxGraph) head(head string) {
	if head == resnet.HeadNone {
		return
	}
	y := ""
	if head == resnet.HeadMLP {
		y = g.linear(g.relu(g.linear(programFeatures, "fc.0")), "fc.2")
	} else {
		y = g.linear(programFeatures, "fc")
	}
	// As torch's normalize: by the norm, but not by less than 1e-12.
	norm := g.add("ReduceL2", "norm", []string{y}, onnx.Ints("axes", 1), onnx.Int("keepdims", 1))
	g.Initializer = append(g.Initializer, onnx.Tensor("norm.least", nil, []byte{0xcc, 0xbc, 0x8c, 0x2b}))
	norm = g.add("Max", "norm.max", []string{norm, "norm.least"})
	g.node("Div", []string{y, norm}, programProjections)
}

// add appends an operator and returns the name of its output.
func (g onnxGraph) add(op, name string, inputs []string, attributes ...*onnx.AttributeProto) string {
	output := name + ".out"
	g.node(op, inputs, output, attributes...)
	return output
}

func (g onnxGraph) node(op string, inputs []string, output string, attributes ...*onnx.AttributeProto) {
	g.Node = append(g.Node, onnx.Node(op, inputs, []string{output}, attributes...))
}

func (g onnxGraph) convNorm(x, conv, norm string, size, stride int) string {
	p := (size - 1) / 2
	x = g.add("Conv", conv, []string{x, conv + ".weight"},
		onnx.Ints("kernel_shape", size, size), onnx.Ints("strides", stride, stride), onnx.Ints("pads", p, p, p, p))
	return g.add("BatchNormalization", norm,
		[]string{x, norm + ".weight", norm + ".bias", norm + ".running_mean", norm + ".running_var"}, onnx.Float("epsilon", 1e-5))
}

func (g onnxGraph) relu(x string) string { return g.add("Relu", x, []string{x}) }

func (g onnxGraph) linear(x, name string) string {
	return g.add("Gemm", name, []string{x, name + ".weight", name + ".bias"}, onnx.Int("transB", 1))
}
