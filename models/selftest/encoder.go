package selftest

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// encoderFile is what torchvision's ResNet-50 made of a few images: features and projection, by running statistics and by
// those of two groups, and the running statistics afterwards.
const encoderFile = "torch_resnet.json"

// recordedEncoder is a recorded encoder.
type recordedEncoder struct {
	Config struct {
		Arch   string `json:"arch"`
		Size   int    `json:"size"`
		Batch  int    `json:"batch"`
		Groups int    `json:"groups"`
	} `json:"config"`
	Tensors []parity.Record `json:"tensors"`
}

// torchLayout is between torch's layout and ours.
var torchLayout = parity.Layout{TorchDims: resnet.TorchDims, FromTorch: resnet.FromTorch}

// encoderFollows holds an encoder's outputs to PyTorch's: padding, strides, pooling, the order of ReLU and sum, BatchNorm
// by running statistics and by those of two groups, and the update of the running ones.
func encoderFollows(_ context.Context, s *session, r *Result, precision string) error {
	e, err := s.forPrecision(precision)
	if err != nil {
		return err
	}
	var recorded recordedEncoder
	if err := parity.Load(s.recorded, encoderFile, &recorded); err != nil {
		return err
	}
	got, err := recorded.compute(e, precision)
	if err != nil {
		return err
	}
	t := toleranceOf[arithmetic(e.EngineName(), precision)]
	for _, record := range recorded.Tensors {
		kind, limit := "outputs", t.outputs
		if len(record.Dims) == 1 {
			kind, limit = "statistics", t.statistics
		}
		distance, err := record.Check(got[record.Name], limit)
		r.worst(kind, distance, limit)
		if err != nil {
			return err
		}
	}
	return nil
}

// compute returns what is recorded, by name, as an engine's first device computes it.
func (recorded recordedEncoder) compute(b compute.Backend, precision string) (map[string][]float32, error) {
	c := resnet.Config{
		Arch: recorded.Config.Arch, Width: 64, Stem: resnet.StemImageNet, Head: resnet.HeadLinear, Dim: 128,
		Precision: precision, Remat: resnet.RematNone,
	}
	const scope = "query"
	store := model.NewStore()
	resnet.Init(store.RootScope().In(scope), c, 1)
	if err := parity.SetWeights(store, scope, scope, torchLayout); err != nil {
		return nil, err
	}
	m, err := mesh.New(b, 1)
	if err != nil {
		return nil, err
	}
	got := map[string][]float32{}
	for _, mode := range []string{"eval", "train"} {
		images := parity.Views(recorded.Config.Batch, recorded.Config.Size)
		norm := resnet.Norm{Train: mode == "train", Groups: recorded.Config.Groups}
		p, err := m.Compile("encoder", store, []mesh.Input{{Shape: images.Shape()}}, func(root *model.Scope, in []*graph.Node) []*graph.Node {
			out := resnet.Forward(root.At(scope), c, norm, in[0])
			return []*graph.Node{graph.ConvertDType(out.Features, images.DType()), graph.ConvertDType(out.Projection, images.DType())}
		})
		if err != nil {
			return nil, err
		}
		defer p.Close()
		outputs, err := p.Run(images)
		if err != nil {
			return nil, err
		}
		for i, name := range []string{"features", "projection"} {
			if got[mode+"."+name], err = tensors.CopyFlatData[float32](outputs[i]); err != nil {
				return nil, fmt.Errorf("selftest: reading %s: %w", name, err)
			}
			outputs[i].FinalizeAll()
		}
	}
	for _, record := range recorded.Tensors {
		v := store.GetVariable(scope + "/" + record.Name)
		if v == nil {
			continue
		}
		value, err := v.Value()
		if err == nil {
			got[record.Name], err = tensors.CopyFlatData[float32](value)
		}
		if err != nil {
			return nil, fmt.Errorf("selftest: reading %s: %w", record.Name, err)
		}
	}
	return got, nil
}
