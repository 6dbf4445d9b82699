package judge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/internal/engines"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// smallNet is an untrained encoder that both engines run in a second, and two small sets of glyphs.
func smallNet(t testing.TB) (net network, train, test *data.Set) {
	t.Helper()
	views, err := augment.Preset("glyphs")
	if err != nil {
		t.Fatal(err)
	}
	net = network{
		Store: model.NewStore(), Scope: "query", Views: views, ImageSize: 16,
		Encoder: resnet.Config{
			Arch: "resnet10", Width: 4, Stem: resnet.StemSmall, Head: resnet.HeadMLP, Dim: 8,
			Precision: resnet.Float32, Remat: resnet.RematNone,
		},
	}
	resnet.Init(net.Store.RootScope().In("query"), net.Encoder, 3)
	open := func(split string, n int) *data.Set {
		s, err := data.Open("glyphs", "", split, data.Options{N: n})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return net, open("train", 100), open("test", 50)
}

// still are views that change nothing: the whole image.
func still(views augment.Config) augment.Config {
	c := crops(views)
	c.Area, c.Ratio = augment.Range{Min: 1, Max: 1}, augment.Range{Min: 1, Max: 1}
	return c
}

func allBytes(t testing.TB, net network) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, p := range net.Encoder.Params() {
		value, err := bytesOf(net.Store, net.Scope, p.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[p.Name] = value
	}
	return all
}

// The linear protocol over images that are not augmented is the probe over their features: two ways to one curve. The
// batch of 48 leaves 4 of 100 images for the last step of an epoch.
func TestFrozenIsTheProbe(t *testing.T) {
	t.Run("colours", func(t *testing.T) { testFrozenIsTheProbe(t, 3) })
	t.Run("gray", func(t *testing.T) { testFrozenIsTheProbe(t, 1) })
}

func testFrozenIsTheProbe(t *testing.T, channels int) {
	m := engines.Mesh(t, engines.Go(t), 1)
	net, train, test := smallNet(t)
	net.Encoder.Channels, net.Store = channels, model.NewStore()
	net.Views.SetChannels(channels)
	resnet.Init(net.Store.RootScope().In("%s", net.Scope), net.Encoder, 3)
	o := linearProtocol(net.Views)
	o.Views, o.Epochs, o.Batch, o.LR = still(net.Views), 5, 48, 20
	got, err := trainClassifier(t.Context(), m, net, train, test, nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := encoder.Compile(m, net.Store, net.Scope, encoder.ProgramConfig{
		Encoder: net.Encoder, Views: net.Views, ImageSize: net.ImageSize, Size: train.Size, Channels: train.Channels, Batch: 50,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	labelled := func(s *data.Set) Labelled {
		all, err := e.EmbedAll(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		return Labelled{all.Trunk, all.Labels}
	}
	p, err := newProbe(m, net.Encoder.Features(), 62, SweepOptions{Epochs: 5, Batch: 48, Momentum: 0.9}, []float64{20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	want, err := p.train(t.Context(), labelled(train), sequence(train.N), func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for epoch := range want {
		if math.Abs(got.Losses[epoch]-want[epoch][0]) > 1e-4*want[epoch][0] {
			t.Errorf("epoch %d: loss %.6f over images, %.6f over features", epoch, got.Losses[epoch], want[epoch][0])
		}
	}
	if math.Abs(want[4][0]-want[0][0]) < 0.1 {
		t.Errorf("losses %v hardly move: the comparison shows nothing", want)
	}
	tallies, err := p.judge(labelled(test), sequence(test.N))
	if err != nil {
		t.Fatal(err)
	}
	if got.N != 50 || got.Correct != tallies[0].Correct || got.Steps != 15 || got.Images != 100 || got.Batch != 48 {
		t.Errorf("%v after %d steps, want %v after 15", got.Tally, got.Steps, tallies[0])
	}
}

// Training changes nothing of the network given, frozen or not, and learns what it is shown.
func TestNetworkStaysAsItIs(t *testing.T) {
	m := engines.Mesh(t, engines.Go(t), 1)
	net, train, _ := smallNet(t)
	before := allBytes(t, net)
	for _, frozen := range []bool{true, false} {
		o := finetuning(net.Views)
		o.Views, o.Epochs, o.MinSteps, o.Batch, o.LR, o.TrunkLR = still(net.Views), 12, 0, 50, 3, 0.3
		if o.Frozen = frozen; frozen {
			o.TrunkLR = 0
		}
		last := 0
		got, err := trainClassifier(t.Context(), m, net, train, train, sequence(50), o, func(done, total int) { last = done * 1000 / total })
		if err != nil {
			t.Fatal(err)
		}
		if _, changed := got.Trunk["conv1.weight"]; changed == frozen || got.Trunk["fc.0.weight"] != nil {
			t.Errorf("frozen %t: a trunk of %d tensors", frozen, len(got.Trunk))
		}
		if !frozen && got.Losses[11] > 0.5*got.Losses[0] {
			t.Errorf("losses %v, want a fall on 50 images", got.Losses)
		}
		if got.Images != 50 || got.N != 100 || got.Steps != 12 || last != 1000 {
			t.Errorf("%d images, %v, %d steps, progress to %d/1000", got.Images, got.Tally, got.Steps, last)
		}
		for name, value := range allBytes(t, net) {
			if !bytes.Equal(value, before[name]) {
				t.Errorf("frozen %t: %s changed in the network given", frozen, name)
			}
		}
	}
}

func TestSameTrunk(t *testing.T) {
	net, train, _ := smallNet(t)
	tr, err := newTrainer(engines.Mesh(t, engines.Go(t), 1), net, train.Info(), 10, linearProtocol(net.Views))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.close()
	if err := sameTrunk(net, tr.store); err != nil {
		t.Errorf("an untouched copy: %v", err)
	}
	const name = "layer3.0.bn2.running_var"
	v := tr.store.RootScope().At(trunkScope).GetVariable(name)
	value, err := v.Value()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, value.Size())
	_ = tensors.ConstFlatData(value, func(flat []float32) { copy(values, flat) })
	values[len(values)-1] = math.Nextafter32(values[len(values)-1], 2)
	if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, len(values))); err != nil {
		t.Fatal(err)
	}
	if err := sameTrunk(net, tr.store); !errors.Is(err, errTrunkChanged) || !strings.Contains(err.Error(), name) {
		t.Errorf("error %v, want errTrunkChanged and %s: one bit differs", err, name)
	}
}

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		frozen                           bool
		n, batch, devices, epochs, steps int
		wantBatch, wantEpochs            int
		err                              bool
	}{
		{true, 100, 30, 8, 5, 0, 32, 5, false},
		{true, 10, 256, 8, 5, 0, 256, 5, false},
		{false, 124, 128, 8, 5, 0, 120, 5, false},
		{false, 124, 128, 8, 5, 300, 120, 300, false},
		{false, 1000, 128, 8, 5, 300, 128, 43, false},
		{false, 12000, 128, 8, 30, 300, 128, 30, false},
		{false, 7, 128, 8, 5, 0, 0, 0, true},
		{false, 1, 128, 1, 5, 0, 0, 0, true},
	} {
		o := recipe{Frozen: test.frozen, Batch: test.batch, Epochs: test.epochs, MinSteps: test.steps}
		batch, epochs, err := o.plan(test.n, test.devices)
		if batch != test.wantBatch || epochs != test.wantEpochs || (err != nil) != test.err {
			t.Errorf("%+v: batch %d, %d epochs, error %v", test, batch, epochs, err)
		}
	}
}

// The papers' schedule over their 100 epochs, and half a cosine.
func TestSchedules(t *testing.T) {
	step, cosine := recipe{}, recipe{Cosine: true}
	for epoch, want := range map[int]float64{0: 1, 59: 1, 60: 0.1, 79: 0.1, 80: 0.01, 99: 0.01} {
		if got := step.scale(epoch, 100); got != want {
			t.Errorf("epoch %d: %g, want %g", epoch, got, want)
		}
	}
	for epoch, want := range map[int]float64{0: 1, 50: 0.5, 25: 0.8535534} {
		if got := cosine.scale(epoch, 100); math.Abs(got-want) > 1e-6 {
			t.Errorf("cosine, epoch %d: %g, want %g", epoch, got, want)
		}
	}
}

// Test images may lack the last classes, as shards do, whose classes are numbers up to the highest there is.
func TestCheckSets(t *testing.T) {
	info := func(size int, classes ...string) data.Info {
		return data.Info{Name: "set", Size: size, Channels: 3, Labels: []int32{0}, Classes: classes}
	}
	for _, test := range []struct {
		train, test data.Info
		want        string
	}{
		{info(8, "a", "b"), info(8, "a", "b"), ""},
		{info(8, "0", "1", "2"), info(8, "0", "1"), ""},
		{info(8, "0", "1"), info(8, "cat", "dog"), ""}, // of other names, numbered alike
		{info(8, "a", "b", "c"), info(8, "a", "c"), "not the first of them"},
		{info(8, "0", "1"), info(8, "0", "1", "2"), "2 classes, test images of 3"},
		{info(8, "a"), info(16, "a"), "8x8x3, test images of 16x16x3"},
		{info(8, "a"), data.Info{Name: "bare", Size: 8, Channels: 3}, "bare has no labels"},
	} {
		err := checkSets(test.train, test.test)
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v and %v: error %v, want %q", test.train.Classes, test.test.Classes, err, test.want)
		}
	}
}

func TestTrainErrors(t *testing.T) {
	m := engines.Mesh(t, engines.Go(t), 1)
	net, train, test := smallNet(t)
	unlabelled := *train
	unlabelled.Labels = nil
	gray := *test
	gray.Channels = 1
	good := linearProtocol(net.Views)
	with := func(change func(*recipe)) recipe {
		o := good
		change(&o)
		return o
	}
	for _, c := range []struct {
		train, test *data.Set
		among       []int
		options     recipe
		want        string
	}{
		{&unlabelled, test, nil, good, "no labels"},
		{train, &gray, nil, good, "want the same"},
		{train, test, []int{}, good, "no training images"},
		{train, test, nil, with(func(o *recipe) { o.Epochs = 0 }), "0 epochs"},
		{train, test, nil, with(func(o *recipe) { o.LR = math.NaN() }), "learning rate NaN"},
		{train, test, nil, with(func(o *recipe) { o.TrunkLR = 1 }), "frozen trunk, want 0"},
		{train, test, nil, with(func(o *recipe) { o.Frozen = false }), "for the trunk"},
		{train, test, nil, with(func(o *recipe) { o.Views.Std[0] = 0 }), "std of channel"},
		{train, test, nil, with(func(o *recipe) { o.LR = 1e39; o.Epochs = 2 }), "not a number any more"},
	} {
		_, err := trainClassifier(t.Context(), m, net, c.train, c.test, c.among, c.options, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := trainClassifier(ctx, m, net, train, test, nil, good, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// lossesOn trains both ways on a mesh: the protocol with padding in every epoch, and the whole network.
func lossesOn(t *testing.T, m *mesh.Mesh) map[string][]float64 {
	t.Helper()
	net, train, test := smallNet(t)
	all := map[string][]float64{}
	for _, frozen := range []bool{true, false} {
		o := finetuning(net.Views)
		o.Epochs, o.MinSteps, o.Batch, o.TrunkLR = 2, 0, 48, 0.01
		if o.Frozen = frozen; frozen {
			o.TrunkLR = 0
		}
		r, err := trainClassifier(t.Context(), m, net, train, test, nil, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprintf("frozen %t", frozen)] = r.Losses
	}
	return all
}
