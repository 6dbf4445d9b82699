package convert

import (
	"fmt"
	"io"
	"os"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
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
	m.Opset, m.Tensors = onnxOpset, len(g.weights)
	m.Inputs = []Value{{
		Name: programImages, DType: "float32", Shape: []int{-1, 3, -1, -1},
		Meaning: "RGB images [N, channel, height, width], (pixel/255 - mean) / std",
	}}
	m.Outputs = []Value{{Name: programFeatures, DType: "float32", Shape: []int{-1, network.Features}, Meaning: meaningFeatures}}
	if network.Head != resnet.HeadNone {
		m.Outputs = append(m.Outputs, Value{
			Name: programProjections, DType: "float32", Shape: []int{-1, network.Projection}, Meaning: meaningProjections,
		})
	}
	g.inputs, g.outputs = m.Inputs, m.Outputs
	return []artifact{{
		write: g.write,
		verify: func(path string) error {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return g.compare(content)
		},
	}}, nil
}

// onnxNode is one operator.
type onnxNode struct {
	op              string
	inputs, outputs []string
	attributes      []onnxAttribute
}

// onnxAttribute is a number, or numbers, or a float.
type onnxAttribute struct {
	name   string
	ints   []int // of one element, and not list: an int
	list   bool
	number float32
}

// onnxGraph collects operators and weights.
type onnxGraph struct {
	nodes           []onnxNode
	weights         []safetensors.Tensor
	inputs, outputs []Value
}

// onnxEncoder is resnet.Forward in ONNX's operators.
func onnxEncoder(w *encoder.Weights) (*onnxGraph, error) {
	g := &onnxGraph{}
	tensors, err := w.StateDict("F32")
	if err != nil {
		return nil, err
	}
	for _, t := range tensors {
		if t.DType == "F32" { // the counts of batches are for training only
			g.weights = append(g.weights, t)
		}
	}
	c := w.Manifest.Network.Config()
	x := programImages
	if c.Stem == resnet.StemSmall {
		x = g.relu(g.convNorm(x, "conv1", "bn1", 3, 1))
	} else {
		x = g.relu(g.convNorm(x, "conv1", "bn1", 7, 2))
		x = g.add("MaxPool", "maxpool", []string{x}, ints2("kernel_shape", 3, 3), ints2("strides", 2, 2), onnxAttribute{name: "pads", ints: []int{1, 1, 1, 1}, list: true})
	}
	for _, b := range c.Blocks() {
		x = g.block(x, b)
	}
	x = g.add("GlobalAveragePool", "avgpool", []string{x})
	g.nodes = append(g.nodes, onnxNode{"Flatten", []string{x}, []string{programFeatures}, []onnxAttribute{{name: "axis", ints: []int{1}}}})
	g.head(c.Head)
	return g, nil
}

func (g *onnxGraph) block(x string, b resnet.Block) string {
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

func (g *onnxGraph) head(head string) {
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
	norm := g.add("ReduceL2", "norm", []string{y}, onnxAttribute{name: "axes", ints: []int{1}, list: true}, onnxAttribute{name: "keepdims", ints: []int{1}})
	g.weights = append(g.weights, safetensors.Tensor{Name: "norm.least", DType: "F32", Shape: []int{}, Data: []byte{0xcc, 0xbc, 0x8c, 0x2b}})
	norm = g.add("Max", "norm.max", []string{norm, "norm.least"})
	g.nodes = append(g.nodes, onnxNode{"Div", []string{y, norm}, []string{programProjections}, nil})
}

// add appends an operator and returns the name of its output.
func (g *onnxGraph) add(op, name string, inputs []string, attributes ...onnxAttribute) string {
	output := name + ".out"
	g.nodes = append(g.nodes, onnxNode{op, inputs, []string{output}, attributes})
	return output
}

func (g *onnxGraph) convNorm(x, conv, norm string, size, stride int) string {
	p := (size - 1) / 2
	x = g.add("Conv", conv, []string{x, conv + ".weight"},
		ints2("kernel_shape", size, size), ints2("strides", stride, stride), onnxAttribute{name: "pads", ints: []int{p, p, p, p}, list: true})
	return g.add("BatchNormalization", norm,
		[]string{x, norm + ".weight", norm + ".bias", norm + ".running_mean", norm + ".running_var"},
		onnxAttribute{name: "epsilon", number: 1e-5})
}

func (g *onnxGraph) relu(x string) string { return g.add("Relu", x, []string{x}) }

func (g *onnxGraph) linear(x, name string) string {
	return g.add("Gemm", name, []string{x, name + ".weight", name + ".bias"}, onnxAttribute{name: "transB", ints: []int{1}})
}

func ints2(name string, a, b int) onnxAttribute {
	return onnxAttribute{name: name, ints: []int{a, b}, list: true}
}

// write writes the program; its weights are not copied a second time.
func (g *onnxGraph) write(w io.Writer) error { return writeOnnx(w, g) }
