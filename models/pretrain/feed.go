package pretrain

import (
	"context"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/moco"
)

// feed makes the inputs of training steps: images and view parameters, each a pure function of the seed and the
// step's number.
type feed struct {
	set   *data.Set
	moco  moco.Config
	views augment.Config
	seed  uint64

	perEpoch     int
	shuffleOrder []int
	epoch        int // whose order is in order
	order        []int
}

func newFeed(set *data.Set, c moco.Config, views augment.Config, seed uint64) *feed {
	return &feed{
		set: set, moco: c, views: views, seed: seed,
		perEpoch: set.N / c.Batch, shuffleOrder: c.ShuffleOrder(), epoch: -1,
	}
}

// prepared is the inputs of one step but for the learning rate; the receiver owns the tensors.
type prepared struct {
	step int
	args []*tensors.Tensor // as moco.Config.Inputs without the learning rate
	err  error
}

// run prepares the steps from first to last-1 in order, one ahead of the receiver, until the context ends. The
// channel is closed behind the last.
func (f *feed) run(ctx context.Context, first, last int) <-chan prepared {
	out := make(chan prepared)
	go func() {
		defer close(out)
		for step := first; step < last; step++ {
			args, err := f.prepare(step)
			select {
			case out <- prepared{step, args, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

func (f *feed) prepare(step int) ([]*tensors.Tensor, error) {
	epoch, at := step/f.perEpoch, step%f.perEpoch
	if epoch != f.epoch {
		f.epoch, f.order = epoch, data.Order(f.seed, epoch, f.set.N)
	}
	indices := f.order[at*f.moco.Batch : (at+1)*f.moco.Batch]
	images := tensors.FromShape(shapes.Make(dtypes.Uint8, f.moco.Batch, f.set.Size, f.set.Size, f.set.Channels))
	err := tensors.MutableFlatData(images, func(flat []uint8) { f.set.Gather(flat, indices) })
	if err != nil {
		return nil, fmt.Errorf("pretrain: feed: images: %w", err)
	}
	shuffled := make([]int, len(indices))
	for i, from := range f.shuffleOrder {
		shuffled[i] = indices[from]
	}
	draws := []struct {
		indices []int
		view    int
	}{{indices, 0}, {shuffled, 1}}
	if f.moco.Symmetric {
		draws = append(draws, draws[0], draws[1])
		draws[2].view, draws[3].view = 1, 0
	}
	args := []*tensors.Tensor{images}
	for _, d := range draws {
		params, err := f.draw(epoch, d.indices, d.view)
		if err != nil {
			return nil, err
		}
		args = append(args, params)
	}
	return args, nil
}

// draw makes the parameters of one view of each image, [batch, P].
func (f *feed) draw(epoch int, indices []int, view int) (*tensors.Tensor, error) {
	n := f.views.NumParams()
	t := tensors.FromShape(shapes.Make(dtypes.Float32, len(indices), n))
	err := tensors.MutableFlatData(t, func(flat []float32) {
		for i, index := range indices {
			f.views.Draw(flat[i*n:(i+1)*n], f.seed, epoch, index, view, 1)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("pretrain: feed: view parameters: %w", err)
	}
	return t, nil
}
