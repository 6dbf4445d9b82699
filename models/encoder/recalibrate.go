package encoder

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// Recalibrated calls use while BatchNorm's running statistics in the scope are the averages over the first
// full batches of images, at most so many, instead of what the variables held, and puts those back. An untrained
// encoder is judged so: its own statistics, mean 0 and variance 1, would judge the initialiser instead.
// It fails when there is not one full batch, and gives up with the context.
func Recalibrated(ctx context.Context, m *mesh.Mesh, store *model.Store, scope string, c ProgramConfig, images data.Source,
	batches int, use func() error,
) (err error) {
	if err := c.check(images); err != nil {
		return err
	}
	n := images.Info().N
	batches = min(batches, n/c.Batch)
	if batches < 1 {
		return fmt.Errorf("encoder: recalibrating takes a batch of %d images, got %d", c.Batch, n)
	}
	restore, err := keepBuffers(m, store, scope, c.Encoder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	if err := averageStatistics(ctx, m, store, scope, c, images, batches); err != nil {
		return err
	}
	return use()
}

func averageStatistics(ctx context.Context, m *mesh.Mesh, store *model.Store, scope string, c ProgramConfig, images data.Source,
	batches int,
) error {
	scalar := mesh.Input{Shape: tensors.FromScalar(float32(0)).Shape(), Replicated: true}
	p, err := m.Compile("recalibrate", store, append(c.inputs(), scalar),
		func(root *model.Scope, in []*graph.Node) []*graph.Node {
			x := augment.Plain(c.Views, in[0], c.ImageSize)
			norm := resnet.Norm{Train: true, Groups: 1, Momentum: in[1]}
			out := resnet.Forward(root.At("%s", scope), c.Encoder, norm, x)
			return []*graph.Node{graph.ReduceAllMean(graph.ConvertDType(out.Features, dtypes.Float32))}
		})
	if err != nil {
		return fmt.Errorf("encoder: %w", err)
	}
	defer p.Close()
	for i := range batches {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, _, err := c.batch(images, i*c.Batch)
		if err != nil {
			return err
		}
		// Weights 1, 1/2, 1/3, ... make the running statistics the plain mean of the batches'.
		out, err := p.Run(batch, tensors.FromScalar(1/float32(i+1)))
		if err != nil {
			return fmt.Errorf("encoder: %w: %w", ErrEngine, err)
		}
		out[0].FinalizeAll()
	}
	return nil
}

// keepBuffers copies the running statistics and returns what puts them back.
func keepBuffers(m *mesh.Mesh, store *model.Store, scope string, c resnet.Config) (restore func() error, err error) {
	type saved struct {
		v     *model.Variable
		value *tensors.Tensor
	}
	var all []saved
	at := store.RootScope().At("%s", scope)
	for _, p := range c.Params() {
		if !p.Buffer {
			continue
		}
		v := at.GetVariable(p.Name)
		if v == nil {
			return nil, fmt.Errorf("encoder: variable %q is not in scope %q", p.Name, scope)
		}
		value := tensors.FromShape(v.Shape())
		var err error
		if e := value.MutableFlatData(func(flat any) { err = m.CopyVariable(flat, v) }); e != nil || err != nil {
			return nil, fmt.Errorf("encoder: copying the running statistics: %w", errors.Join(e, err))
		}
		all = append(all, saved{v, value})
	}
	return func() error {
		for _, s := range all {
			if err := m.SetVariable(s.v, s.value); err != nil {
				return fmt.Errorf("encoder: restoring %s: %w", s.v.Path(), err)
			}
		}
		return nil
	}, nil
}
