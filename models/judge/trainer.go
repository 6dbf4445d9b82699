package judge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// trunkScope holds the copy of the network, momentumScope SGD's buffers of what is trained of it.
const (
	trunkScope    = "trunk"
	momentumScope = "momentum"
)

// trainer is a classifier on a copy of a network, and the programs that train and run it.
type trainer struct {
	net     network
	options recipe
	batch   int
	epochs  int
	head    head
	store   *model.Store
	step    *mesh.Program
	logits  *mesh.Program
	size    int // of the images given
	channel int
}

func newTrainer(m *mesh.Mesh, net network, set data.Info, n int, o recipe) (*trainer, error) {
	t := &trainer{net: net, options: o, store: model.NewStore(), size: set.Size, channel: set.Channels}
	t.head = head{
		count: 1, classes: len(set.Classes), dim: net.Encoder.Features(), momentum: o.Momentum, decay: o.WeightDecay,
	}
	var err error
	if t.batch, t.epochs, err = o.plan(n, m.Devices()); err != nil {
		return nil, err
	}
	if err := t.copyNetwork(); err != nil {
		return nil, err
	}
	if err := t.head.init(t.store, o.Seed); err != nil {
		return nil, err
	}
	if t.step, err = m.Compile("finetune", t.store, t.inputs(), t.build); err != nil {
		return nil, err
	}
	inputs, view := t.inputs()[:1], func(in []*graph.Node) *graph.Node { return augment.Plain(net.Views, in[0], net.ImageSize) }
	if o.Central {
		inputs, view = t.inputs()[:2], func(in []*graph.Node) *graph.Node { return net.Views.Apply(in[0], in[1], net.ImageSize) }
	}
	t.logits, err = m.Compile("classify", t.store, inputs, func(root *model.Scope, in []*graph.Node) []*graph.Node {
		x := view(in)
		return []*graph.Node{t.head.logits(root, t.features(root, x, resnet.Norm{}))}
	})
	if err != nil {
		t.step.Close()
		return nil, err
	}
	return t, nil
}

func (t *trainer) close() {
	t.step.Close()
	t.logits.Close()
}

// copyNetwork fills the store with the network's variables, and momentum buffers where it is trained.
func (t *trainer) copyNetwork() error {
	trunk, momentum := t.store.RootScope().In(trunkScope), t.store.RootScope().In(momentumScope)
	for _, p := range t.net.Encoder.Params() {
		value, err := valueOf(t.net.Store, t.net.Scope, p.Name)
		if err == nil {
			value, err = value.LocalClone()
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", p.Name, err)
		}
		trunk.VariableWithValue(p.Name, value).SetTrainable(false)
		if t.trains(p) {
			momentum.VariableWithValue(p.Name, tensors.FromShape(value.Shape())).SetTrainable(false)
		}
	}
	return nil
}

// trains tells whether SGD changes the variable.
func (t *trainer) trains(p resnet.Param) bool {
	return !t.options.Frozen && !p.Buffer && !isHead(p)
}

// isHead tells whether the variable is one of the projection's, which takes no part.
func isHead(p resnet.Param) bool { return strings.HasPrefix(p.Name, "fc.") }

// inputs are images, view parameters, labels, weights of the rows, and the rates of the classifier and the trunk.
func (t *trainer) inputs() []mesh.Input {
	target, scalar := targetShapes(t.batch), shapes.Make(dtypes.Float32)
	return []mesh.Input{
		{Shape: shapes.Make(dtypes.Uint8, t.batch, t.size, t.size, t.channel)},
		{Shape: shapes.Make(dtypes.Float32, t.batch, t.options.Views.NumParams())},
		{Shape: target[0]},
		{Shape: target[1]},
		{Shape: scalar, Replicated: true},
		{Shape: scalar, Replicated: true},
	}
}

func (t *trainer) features(root *model.Scope, x *graph.Node, norm resnet.Norm) *graph.Node {
	return resnet.Forward(root.At(trunkScope), t.net.Encoder, norm, x).Features
}

// build is the training step. BatchNorm's statistics, where the trunk is trained, are those of the whole batch, so
// that the numbers do not depend on the devices.
func (t *trainer) build(root *model.Scope, in []*graph.Node) []*graph.Node {
	x := t.options.Views.Apply(in[0], in[1], t.net.ImageSize)
	norm := resnet.Norm{Train: !t.options.Frozen, Groups: 1}
	features := t.features(root, x, norm)
	if t.options.Frozen {
		features = graph.StopGradient(features)
	}
	loss := losses(t.head.logits(root, features), in[2], in[3])
	g := loss.Graph()
	params := t.head.params(root, g)
	var trunk, buffers []*model.Variable
	for _, p := range t.net.Encoder.Params() {
		if t.trains(p) {
			trunk = append(trunk, root.At(trunkScope).GetVariable(p.Name))
			buffers = append(buffers, root.At(momentumScope).GetVariable(p.Name))
			params = append(params, trunk[len(trunk)-1].NodeValue(g))
		}
	}
	gradients := graph.Gradient(graph.ReduceAllSum(loss), params...)
	t.head.descend(root, gradients[:2], graph.Reshape(in[4], 1))
	for i, v := range trunk {
		w, buffer := moco.SGD(v.NodeValue(g), buffers[i].NodeValue(g), gradients[2+i], in[5],
			t.options.Momentum, t.options.WeightDecay)
		v.SetNodeValue(w)
		buffers[i].SetNodeValue(buffer)
	}
	return []*graph.Node{loss}
}

// train runs all epochs and returns each one's mean loss and the number of steps.
func (t *trainer) train(ctx context.Context, set data.Source, among []int, progress encoder.Progress) (means []float64, steps int, err error) {
	perEpoch := len(among) / t.batch
	if t.options.Frozen {
		perEpoch = (len(among) + t.batch - 1) / t.batch
	}
	for epoch := range t.epochs {
		order := data.Order(t.options.Seed, epoch, len(among))
		scale := t.options.scale(epoch, t.epochs)
		sum, images := 0.0, 0
		for chunk := range slices.Chunk(order[:min(len(order), perEpoch*t.batch)], t.batch) {
			if err := ctx.Err(); err != nil {
				return nil, steps, err
			}
			rows := make([]int, len(chunk))
			for i, at := range chunk {
				rows[i] = among[at]
			}
			loss, err := t.descend(set, rows, epoch, scale)
			if err != nil {
				return nil, steps, err
			}
			if err := diverged(float64(loss), t.options.LR); err != nil {
				return nil, steps, err
			}
			sum += float64(loss) * float64(len(rows))
			images += len(rows)
			steps++
			progress(steps, t.epochs*perEpoch)
		}
		means = append(means, sum/float64(images))
	}
	return means, steps, nil
}

// descend runs one step over the images of rows and returns its loss.
func (t *trainer) descend(set data.Source, rows []int, epoch int, scale float64) (float32, error) {
	images, of, err := t.images(set, rows)
	if err != nil {
		return 0, err
	}
	params, err := t.params(of, func(at int) augment.View {
		return t.options.Views.View(t.options.Seed, epoch, rows[at], 0, float64(of[at].Aspect))
	})
	if err != nil {
		return 0, err
	}
	labels := make([]int32, len(of))
	for i, row := range of {
		labels[i] = row.Label
	}
	target, err := targets(labels, t.batch)
	if err != nil {
		return 0, err
	}
	loss, err := result(t.step, images, params, target[0], target[1],
		tensors.FromScalar(float32(scale*t.options.LR)), tensors.FromScalar(float32(scale*t.options.TrunkLR)))
	if err != nil {
		return 0, err
	}
	return loss[0], nil
}

// params are the parameters of a batch's views. The padding gets the view of an image, too: no crop is empty.
func (t *trainer) params(of []data.Row, view func(at int) augment.View) (*tensors.Tensor, error) {
	p := t.options.Views.NumParams()
	return tensorOf(dtypes.Float32, func(flat []float32) {
		for i := range t.batch {
			v := view(min(i, len(of)-1))
			v.Put(flat[i*p : (i+1)*p])
		}
	}, t.batch, p)
}

// images reads images into a batch, the padding black, and what belongs to each.
func (t *trainer) images(set data.Source, indices []int) (*tensors.Tensor, []data.Row, error) {
	rows := make([]data.Row, len(indices))
	var reading error
	images, err := tensorOf(dtypes.Uint8, func(flat []uint8) {
		reading = set.Fill(flat[:len(indices)*t.size*t.size*t.channel], rows, indices)
	}, t.batch, t.size, t.size, t.channel)
	return images, rows, errors.Join(err, reading)
}

// trunk copies the trunk's variables.
func (t *trainer) trunk() (map[string][]float32, error) {
	all := map[string][]float32{}
	for _, p := range t.net.Encoder.Params() {
		if isHead(p) {
			continue
		}
		value, err := valueOf(t.store, trunkScope, p.Name)
		if err != nil {
			return nil, err
		}
		if err := tensors.ConstFlatData(value, func(flat []float32) { all[p.Name] = slices.Clone(flat) }); err != nil {
			return nil, fmt.Errorf("reading %s: %w", p.Name, err)
		}
	}
	return all, nil
}

// judge classifies the images of a set without augmentation.
func (t *trainer) judge(ctx context.Context, set data.Source) (*Tally, error) {
	tally := NewTally(t.head.classes)
	for indices := range slices.Chunk(sequence(set.Info().N), t.batch) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		scores, rows, err := t.scores(set, indices)
		if err != nil {
			return nil, err
		}
		for i, row := range rows {
			tally.Add(row.Label, scores[i*t.head.classes:(i+1)*t.head.classes])
		}
	}
	return tally, nil
}

// scores are the classifier's, [batch, classes], of which the first are those of the images.
func (t *trainer) scores(set data.Source, indices []int) ([]float32, []data.Row, error) {
	images, rows, err := t.images(set, indices)
	if err != nil {
		return nil, nil, err
	}
	inputs := []*tensors.Tensor{images}
	if t.options.Central {
		params, err := t.params(rows, func(at int) augment.View { return augment.Central(float64(rows[at].Aspect)) })
		if err != nil {
			return nil, nil, err
		}
		inputs = append(inputs, params)
	}
	scores, err := result(t.logits, inputs...)
	return scores, rows, err
}
