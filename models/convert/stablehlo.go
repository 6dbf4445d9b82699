package convert

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// weightsSuffix is that of a stablehlo program's weights, behind the program's name.
const weightsSuffix = ".safetensors"

// stablehloFormat is the encoder with its preprocessing as the text of an XLA program, for images uint8
// [batch, size, size, channels], and the weights that it takes as further arguments, in package resnet's layout.
func stablehloFormat(s Source, o Options, m *Manifest) ([]artifact, error) {
	if o.Backend == nil || o.ProgramText == nil {
		return nil, errors.New("no XLA engine, want one that keeps the text of its programs")
	}
	if o.Batch < 0 {
		return nil, fmt.Errorf("a batch of %d images, want at least 1", o.Batch)
	}
	text, order, err := lowerEncoder(s.Encoder, max(o.Batch, 1), o, m)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, fmt.Errorf("%w: the engine %s makes no such program; mocotpu setup cpu installs one that does", ErrUnsupported, o.Backend.Name())
	}
	weights := make([]safetensors.Tensor, len(order))
	for i, p := range order {
		weights[i] = safetensors.Tensor{Name: p.Name, DType: "F32", Shape: p.Dims, Data: float32Bytes(s.Encoder.Values[p.Name])}
		m.Weights = append(m.Weights, p.Name)
	}
	m.Tensors = len(weights)
	return []artifact{
		{
			write: func(w io.Writer) error { _, err := io.WriteString(w, text); return err },
			verify: func(path string) error {
				read, err := os.ReadFile(path)
				if err == nil && string(read) != text {
					err = errors.New("the program's text differs")
				}
				return err
			},
		},
		{
			suffix: weightsSuffix,
			write:  func(w io.Writer) error { return safetensors.Write(w, weights, nil) },
			verify: func(path string) error {
				read, _, err := safetensors.ReadFile(path)
				if err != nil {
					return err
				}
				return sameTensors(read, weights)
			},
		},
	}, nil
}

// lowerEncoder compiles the encoder in inference and returns the text that the compiler got, and the variables in the
// order of the program's arguments, which follow the images.
func lowerEncoder(w *encoder.Weights, batch int, o Options, m *Manifest) (text string, order []resnet.Param, err error) {
	in, network := w.Manifest.Input, w.Manifest.Network.Config()
	network.Precision = resnet.Float32
	const scope = "encoder"
	store := model.NewStore()
	if err := w.Variables(store.RootScope().In(scope)); err != nil {
		return "", nil, err
	}
	devices, err := mesh.New(o.Backend, 1)
	if err != nil {
		return "", nil, err
	}
	shape := shapes.Make(dtypes.Uint8, batch, in.ImageSize, in.ImageSize, network.ImageChannels())
	params := network.Params()
	position := map[string]int{}
	p, err := devices.Compile("encoder", store, []mesh.Input{{Shape: shape}}, func(root *model.Scope, args []*graph.Node) []*graph.Node {
		at := root.At(scope)
		out := resnet.Forward(at, network, resnet.Norm{}, augment.Plain(w.Manifest.Views(), args[0], in.ImageSize))
		for _, p := range params {
			position[p.Name] = int(args[0].Graph().GetParameterByName(at.GetVariable(p.Name).Path()).GetParameterHandle())
		}
		if out.Projection == nil {
			return []*graph.Node{out.Features}
		}
		return []*graph.Node{out.Features, out.Projection}
	})
	if err != nil {
		return "", nil, err
	}
	defer p.Close()
	slices.SortFunc(params, func(a, b resnet.Param) int { return position[a.Name] - position[b.Name] })
	m.Inputs = []Value{{Name: programImages, DType: "uint8", Shape: shape.Dimensions, Meaning: colours(w.Manifest.Network) + " images [batch, height, width, channel] as they are"}}
	m.Outputs = []Value{{Name: programFeatures, DType: "float32", Shape: []int{batch, network.Features()}, Meaning: meaningFeatures}}
	if network.Head != resnet.HeadNone {
		m.Outputs = append(m.Outputs, Value{Name: programProjections, DType: "float32", Shape: []int{batch, network.Dim}, Meaning: meaningProjections})
	}
	return o.ProgramText(), params, nil
}
