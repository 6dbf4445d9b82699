package judge

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"

	"github.com/mocotpu/mocotpu/xla/mesh"
)

// heldOut is the share of the training rows that choose the learning rate.
const heldOut = 0.1

// Labelled is a matrix of features with a label for each row.
type Labelled struct {
	encoder.Features
	Labels []int32
}

// SweepOptions are the settings of [Sweep]; start from [FastProbe].
type SweepOptions struct {
	// LRs are the learning rates to try, ascending, each above 0.
	LRs []float64
	// Epochs over the training rows; at 60 and 80 % of them the rate is divided by ten, as the papers' 60 and 80 of 100.
	Epochs int
	// Batch is rounded up to a multiple of the devices.
	Batch int
	// Momentum and WeightDecay are SGD's.
	Momentum, WeightDecay float64
	// Standardize subtracts from each dimension its mean over the training rows and divides by its deviation, so that
	// one range of rates suits pixels and features alike.
	Standardize bool
	// Seed of the first weights and the order of the rows.
	Seed uint64
}

// FastProbe is the linear probe over features that were computed once: 100 epochs as in the papers, and, since no
// augmentation and no single rate of 30 suits all features, standardised ones and ten rates to choose from.
func FastProbe() SweepOptions {
	return SweepOptions{
		LRs:    []float64{0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10},
		Epochs: 100, Batch: 256, Momentum: 0.9, Standardize: true,
	}
}

// SweepResult is what the best of the rates gave.
type SweepResult struct {
	*Tally
	// LR is the rate with the best accuracy on a held-out tenth of the training rows, among those whose loss stayed finite; of
	// equally good ones the lowest. Held has these accuracies in percent, one for each rate tried. The tally is of a
	// classifier that was then trained on all rows with LR.
	LR   float64
	Held []float64
	// Losses are its mean cross-entropies over each epoch.
	Losses []float64
}

// Sweep trains a linear classifier on features for every learning rate, side by side in one program; chooses the rate
// on held-out training rows; trains once more on all of them, and judges by the test rows. The test rows choose
// nothing. Progress may be nil; it is told the epochs done of all.
func Sweep(ctx context.Context, m *mesh.Mesh, train, test Labelled, classes int, o SweepOptions, progress func(done, total int)) (SweepResult, error) {
	r, err := sweep(ctx, m, train, test, classes, o, progress)
	if err != nil {
		return r, fmt.Errorf("judge: %w", err)
	}
	return r, nil
}

func sweep(ctx context.Context, m *mesh.Mesh, train, test Labelled, classes int, o SweepOptions, progress func(done, total int)) (r SweepResult, err error) {
	if err := o.check(train, test, classes); err != nil {
		return r, err
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	if o.Standardize {
		train.Features, test.Features = standardized(train.Features, test.Features)
	}
	order := data.Order(o.Seed, -1, train.Len())
	held := max(1, int(heldOut*float64(len(order))))
	p, err := newProbe(m, train.Dim, classes, o, o.LRs)
	if err != nil {
		return r, err
	}
	defer p.close()
	total := 2 * o.Epochs
	losses, err := p.train(ctx, train, order[held:], func(epoch int) { progress(epoch, total) })
	if err != nil {
		return r, err
	}
	tallies, err := p.judge(train, order[:held])
	if err != nil {
		return r, err
	}
	best := -1
	for i, t := range tallies {
		r.Held = append(r.Held, t.Top1())
		// What a classifier of NaNs answers may be right by chance.
		if finite(losses[o.Epochs-1][i]) && (best < 0 || t.Top1() > r.Held[best]) {
			best = i
		}
	}
	if best < 0 {
		return r, diverged(math.NaN(), o.LRs[0])
	}
	r.LR = o.LRs[best]
	final, err := newProbe(m, train.Dim, classes, o, []float64{r.LR})
	if err != nil {
		return r, err
	}
	defer final.close()
	losses, err = final.train(ctx, train, sequence(train.Len()), func(epoch int) { progress(o.Epochs+epoch, total) })
	if err != nil {
		return r, err
	}
	for _, loss := range losses {
		r.Losses = append(r.Losses, loss[0])
	}
	if err := diverged(r.Losses[o.Epochs-1], r.LR); err != nil {
		return r, err
	}
	if tallies, err = final.judge(test, sequence(test.Len())); err != nil {
		return r, err
	}
	r.Tally = tallies[0]
	return r, nil
}

func (o SweepOptions) check(train, test Labelled, classes int) error {
	if len(o.LRs) == 0 || o.Epochs < 1 || o.Batch < 1 {
		return fmt.Errorf("%d learning rates, %d epochs, batch %d, want at least 1 of each", len(o.LRs), o.Epochs, o.Batch)
	}
	for i, lr := range o.LRs {
		if !(lr > 0) || math.IsInf(lr, 1) || i > 0 && lr <= o.LRs[i-1] {
			return fmt.Errorf("learning rates %v, want ascending numbers above 0", o.LRs)
		}
	}
	if train.Len() < 2 {
		return fmt.Errorf("%d training rows, want at least 2: one to train on, one to choose the rate by", train.Len())
	}
	if train.Dim != test.Dim {
		return fmt.Errorf("training rows of %d and test rows of %d, want as long", train.Dim, test.Dim)
	}
	return errors.Join(train.check("training", classes), test.check("test", classes))
}

func (l Labelled) check(name string, classes int) error {
	if err := l.Check(l.Labels, classes); err != nil {
		return fmt.Errorf("%s rows: %w", name, err)
	}
	for i, v := range l.Data {
		if !finite(float64(v)) {
			return fmt.Errorf("%s rows: row %d: %w", name, i/l.Dim, ErrNotFinite)
		}
	}
	return nil
}

// standardized shifts and scales both by the statistics of the training rows. A dimension that never changes there
// becomes zero in both.
func standardized(train, test encoder.Features) (encoder.Features, encoder.Features) {
	mean, deviation := make([]float64, train.Dim), make([]float64, train.Dim)
	n := float64(train.Len())
	for i, v := range train.Data {
		mean[i%train.Dim] += float64(v) / n
	}
	for i, v := range train.Data {
		d := float64(v) - mean[i%train.Dim]
		deviation[i%train.Dim] += d * d / n
	}
	apply := func(f encoder.Features) encoder.Features {
		out := encoder.Features{Data: make([]float32, len(f.Data)), Dim: f.Dim}
		for i, v := range f.Data {
			if d := math.Sqrt(deviation[i%f.Dim]); d > 1e-6 {
				out.Data[i] = float32((float64(v) - mean[i%f.Dim]) / d)
			}
		}
		return out
	}
	return apply(train), apply(test)
}

// rows copies rows of features into a tensor [batch, dim]; what is left over stays zero.
func (l Labelled) rows(rows []int, batch int) (*tensors.Tensor, error) {
	return tensorOf(dtypes.Float32, func(flat []float32) {
		for i, row := range rows {
			copy(flat[i*l.Dim:(i+1)*l.Dim], l.Data[row*l.Dim:])
		}
	}, batch, l.Dim)
}

func featureShape(batch, dim int) shapes.Shape { return shapes.Make(dtypes.Float32, batch, dim) }
