package judge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// errTrunkChanged says that training changed a trunk that should be frozen, so that the result is worth nothing.
var errTrunkChanged = errors.New("the frozen trunk changed")

// network is the encoder that a classifier is put on. It is copied: training changes nothing of it.
type network struct {
	// Store holds the encoder's variables below Scope, by their names in package resnet.
	Store *model.Store
	Scope string
	// Encoder is the architecture; its head takes no part.
	Encoder resnet.Config
	// Views gives the normalisation, and ImageSize the side in pixels that the encoder sees.
	Views     augment.Config
	ImageSize int
}

// outcome is how a training ended.
type outcome struct {
	*Tally
	// Losses are the mean cross-entropies of each epoch.
	Losses []float64
	// Trunk holds the trunk's variables after the training, by their names in package resnet; nil where it was frozen.
	Trunk map[string][]float32
	// Images is the number of training images, Steps that of the steps, Batch that of the images in one.
	Images, Steps, Batch int
}

// trainClassifier trains a classifier on the network, alone or with the trunk, over the training images among (indices;
// nil is all), and judges it by the test images. Progress may be nil; it is called with the steps done of all.
//
// A frozen trunk is compared with the network afterwards, every tensor of it, and the error is [errTrunkChanged] when
// a bit differs.
func trainClassifier(ctx context.Context, m *mesh.Mesh, net network, train, test data.Source, among []int, o recipe,
	progress encoder.Progress,
) (r outcome, err error) {
	if among == nil {
		among = sequence(train.Info().N)
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	if err := errors.Join(o.check(), checkSets(train.Info(), test.Info())); err != nil {
		return r, err
	}
	if len(among) == 0 {
		return r, errors.New("no training images, want at least one")
	}
	t, err := newTrainer(m, net, train.Info(), len(among), o)
	if err != nil {
		return r, err
	}
	defer t.close()
	r.Images, r.Batch = len(among), t.batch
	if r.Losses, r.Steps, err = t.train(ctx, train, among, progress); err != nil {
		return r, err
	}
	if o.Frozen {
		if err := sameTrunk(net, t.store); err != nil {
			return r, err
		}
	}
	if !o.Frozen {
		if r.Trunk, err = t.trunk(); err != nil {
			return r, err
		}
	}
	r.Tally, err = t.judge(ctx, test)
	return r, err
}

// checkSets tells whether the sets are labelled images of one kind. Test images may lack the last classes: shards name theirs by
// numbers, up to the highest there is.
func checkSets(train, test data.Info) error {
	for _, s := range []data.Info{train, test} {
		if s.Labels == nil {
			return fmt.Errorf("%s has no labels, want a labelled set", s.Name)
		}
	}
	known, classes := train.Classes, test.Classes
	if train.Size != test.Size || train.Channels != test.Channels {
		return fmt.Errorf("training images of %dx%dx%d, test images of %dx%dx%d: want the same",
			train.Size, train.Size, train.Channels, test.Size, test.Size, test.Channels)
	}
	if len(classes) > len(known) || len(classes) < len(known) && !slices.Equal(classes, known[:len(classes)]) {
		return fmt.Errorf("training images of %d classes, test images of %d, which are not the first of them: want the same", len(known), len(classes))
	}
	return nil
}

// sameTrunk compares the copy's variables with the network's, bit by bit.
func sameTrunk(net network, copied *model.Store) error {
	for _, p := range net.Encoder.Params() {
		want, err := bytesOf(net.Store, net.Scope, p.Name)
		if err != nil {
			return err
		}
		got, err := bytesOf(copied, trunkScope, p.Name)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%w: %s", errTrunkChanged, p.Name)
		}
	}
	return nil
}

// bytesOf copies a variable's value.
func bytesOf(store *model.Store, scope, name string) ([]byte, error) {
	value, err := valueOf(store, scope, name)
	if err != nil {
		return nil, err
	}
	var copied []byte
	if err := value.ConstBytes(func(data []byte) { copied = slices.Clone(data) }); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return copied, nil
}

func valueOf(store *model.Store, scope, name string) (*tensors.Tensor, error) {
	v := store.RootScope().At("%s", scope).GetVariable(name)
	if v == nil {
		return nil, fmt.Errorf("variable %q is not in scope %q of the network", name, scope)
	}
	value, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return value, nil
}
