package judge

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/data"

	"github.com/mocotpu/mocotpu/xla/mesh"
)

// probe is classifiers over features, one for each learning rate, and the programs that train and run them.
type probe struct {
	head    head
	options SweepOptions
	lrs     []float64
	batch   int // of a program
	store   *model.Store
	step    *mesh.Program
	logits  *mesh.Program
}

func newProbe(m *mesh.Mesh, dim, classes int, o SweepOptions, lrs []float64) (p *probe, err error) {
	p = &probe{
		head:    head{count: len(lrs), classes: classes, dim: dim, momentum: o.Momentum, decay: o.WeightDecay},
		options: o, lrs: lrs, batch: roundUp(o.Batch, m.Devices()), store: model.NewStore(),
	}
	if err := p.head.init(p.store, o.Seed); err != nil {
		return nil, err
	}
	x := mesh.Input{Shape: featureShape(p.batch, dim)}
	inputs := []mesh.Input{x}
	for _, s := range targetShapes(p.batch) {
		inputs = append(inputs, mesh.Input{Shape: s})
	}
	rates := mesh.Input{Shape: shapes.Make(dtypes.Float32, len(lrs)), Replicated: true}
	p.step, err = m.Compile("probe", p.store, append(inputs, rates), func(root *model.Scope, in []*graph.Node) []*graph.Node {
		loss := losses(p.head.logits(root, in[0]), in[1], in[2])
		gradients := graph.Gradient(graph.ReduceAllSum(loss), p.head.params(root, loss.Graph())...)
		p.head.descend(root, gradients, in[3])
		return []*graph.Node{loss}
	})
	if err != nil {
		return nil, err
	}
	p.logits, err = m.Compile("classify", p.store, []mesh.Input{x}, func(root *model.Scope, in []*graph.Node) []*graph.Node {
		return []*graph.Node{p.head.logits(root, in[0])}
	})
	if err != nil {
		p.step.Close()
		return nil, err
	}
	return p, nil
}

func (p *probe) close() {
	p.step.Close()
	p.logits.Close()
}

// train runs all epochs over the given rows and returns the mean losses of each, one for each classifier.
func (p *probe) train(ctx context.Context, set Labelled, among []int, finished func(epoch int)) ([][]float64, error) {
	var means [][]float64
	for epoch := range p.options.Epochs {
		order := data.Order(p.options.Seed, epoch, len(among))
		mean := make([]float64, len(p.lrs))
		for chunk := range slices.Chunk(order, p.batch) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			rows := make([]int, len(chunk))
			for i, at := range chunk {
				rows[i] = among[at]
			}
			loss, err := p.descend(set, rows, tenths(epoch, p.options.Epochs))
			if err != nil {
				return nil, err
			}
			for i, l := range loss {
				mean[i] += float64(l) * float64(len(rows)) / float64(len(among))
			}
		}
		means = append(means, mean)
		finished(epoch + 1)
	}
	return means, nil
}

// tenths is what the papers' schedule multiplies the rate by: a tenth from 60 % of the epochs on, a hundredth from 80 %.
func tenths(epoch, epochs int) float64 {
	switch {
	case 10*epoch >= 8*epochs:
		return 0.01
	case 10*epoch >= 6*epochs:
		return 0.1
	}
	return 1
}

// descend runs one step over rows, at most a batch, at the rates times scale, and returns the classifiers' losses.
// A rate that is too high makes its own classifier's loss NaN, and no other's.
func (p *probe) descend(set Labelled, rows []int, scale float64) ([]float32, error) {
	x, err := set.rows(rows, p.batch)
	if err != nil {
		return nil, err
	}
	labels := make([]int32, len(rows))
	for i, row := range rows {
		labels[i] = set.Labels[row]
	}
	target, err := targets(labels, p.batch)
	if err != nil {
		return nil, err
	}
	rates := make([]float32, len(p.lrs))
	for i, lr := range p.lrs {
		rates[i] = float32(lr * scale)
	}
	return result(p.step, x, target[0], target[1], tensors.FromFlatDataAndDimensions(rates, len(rates)))
}

// judge classifies rows and counts, for every classifier.
func (p *probe) judge(set Labelled, among []int) ([]*Tally, error) {
	tallies := make([]*Tally, p.head.count)
	for i := range tallies {
		tallies[i] = NewTally(p.head.classes)
	}
	for rows := range slices.Chunk(among, p.batch) {
		x, err := set.rows(rows, p.batch)
		if err != nil {
			return nil, err
		}
		scores, err := result(p.logits, x)
		if err != nil {
			return nil, err
		}
		for i, row := range rows {
			for c, tally := range tallies {
				at := (i*p.head.count + c) * p.head.classes
				tally.Add(set.Labels[row], scores[at:at+p.head.classes])
			}
		}
	}
	return tallies, nil
}

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }

// diverged tells of a classifier that the rate threw out.
func diverged(loss, lr float64) error {
	if !finite(loss) {
		return fmt.Errorf("the loss is not a number any more at learning rate %g, want a lower one", lr)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
