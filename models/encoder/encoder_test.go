package encoder

import (
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// small is a ResNet with every kind of variable that the Go engine embeds quickly; its weights are a formula.
func small(head string) *Weights {
	c := resnet.Config{
		Arch: "resnet10", Width: 8, Stem: resnet.StemSmall, Head: head, Dim: 5,
		Precision: resnet.Float32, Remat: resnet.RematNone,
	}
	if head == resnet.HeadNone {
		c.Dim = 0
	}
	w := &Weights{
		Manifest: Manifest{
			Format:  ManifestFormat,
			Network: NewNetwork(c),
			Input:   NewInput(16, [3]float64{0.4, 0.5, 0.6}, [3]float64{0.2, 0.25, 0.3}),
			Source:  Source{Preset: "test", Data: "glyphs", Step: 1234, Epoch: 5, Versions: map[string]string{"mocotpu": "test"}},
		},
		Values: map[string][]float32{},
	}
	for _, p := range c.Params() {
		w.Values[p.Name] = resnet.FromTorch(parity.Weights("encoder", p.Name, resnet.TorchDims(p.Dims)), p.Dims)
	}
	return w
}

func open(t testing.TB, b compute.Backend, w *Weights, o Options) *Encoder {
	t.Helper()
	e, err := New(b, w, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// forward is what Embed and Project should give: resnet.Forward over images normalised on the host.
func forward(t *testing.T, b compute.Backend, w *Weights, images []uint8, n int) (trunk, projections []float32) {
	t.Helper()
	size, in := w.Manifest.Input.ImageSize, w.Manifest.Input
	pixels := make([]float32, len(images))
	for i, p := range images {
		pixels[i] = float32((float64(p)/255 - in.Mean[i%3]) / in.Std[i%3])
	}
	store := model.NewStore()
	if err := w.Variables(store.RootScope()); err != nil {
		t.Fatal(err)
	}
	exec, err := model.NewExec(b, store, func(s *model.Scope, x *graph.Node) []*graph.Node {
		out := resnet.Forward(s, w.Manifest.Network.Config(), resnet.Norm{}, x)
		return []*graph.Node{out.Features, out.Projection}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	got, err := exec.Call(tensors.FromFlatDataAndDimensions(pixels, n, size, size, 3))
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](got[0]), tensors.MustCopyFlatData[float32](got[1])
}

// Features and projections are those of the network over normalised images, whatever the batch, and opening changes
// nothing of the weights.
func TestEmbed(t *testing.T) { testEmbed(t, engines.Go(t), 1) }

func testEmbed(t *testing.T, b compute.Backend, devices int) {
	const n = 7
	w := small(resnet.HeadMLP)
	images := parity.Pixels("embed", n, 16)
	wantTrunk, wantProjections := forward(t, b, w, images, n)
	for _, batch := range []int{0, 2, 4} {
		e := open(t, b, w, Options{Batch: batch, Devices: devices})
		got, err := e.Embed(images, n)
		if err != nil {
			t.Fatal(err)
		}
		trunk, projections := got.Trunk, got.Head
		if trunk.Dim != 64 || trunk.Len() != n || projections.Dim != 5 || projections.Len() != n {
			t.Fatalf("batch %d: features [%d,%d], projections [%d,%d], want [7,64] and [7,5]",
				batch, trunk.Len(), trunk.Dim, projections.Len(), projections.Dim)
		}
		if d := parity.Compare(trunk.Data, wantTrunk); !(d.RelL2 < parity.Forward) {
			t.Errorf("batch %d: features: %v", batch, d)
		}
		if d := parity.Compare(projections.Data, wantProjections); !(d.RelL2 < parity.Forward) {
			t.Errorf("batch %d: projections: %v", batch, d)
		}
	}
	if d := parity.Compare(w.Values["conv1.weight"], small(resnet.HeadMLP).Values["conv1.weight"]); d.MaxAbs != 0 {
		t.Errorf("opening changed the weights: %v", d)
	}
}

// Gray images are their repetition in three channels, MNIST's 28 pixels are padded where 32 are wanted, and every
// size of image has a program of its own.
func TestEmbedSizes(t *testing.T) {
	const n = 3
	w := small(resnet.HeadLinear)
	w.Manifest.Input.ImageSize = 32
	e := open(t, engines.Go(t), w, Options{Batch: n})
	rgb := parity.Pixels("sizes", n, 28)
	gray, repeated := make([]uint8, n*28*28), make([]uint8, n*28*28*3)
	padded := make([]uint8, n*32*32*3)
	for i := range gray {
		gray[i] = rgb[3*i]
		image, y, x := i/(28*28), i/28%28, i%28
		for c := range 3 {
			repeated[3*i+c] = gray[i]
			padded[((image*32+y+2)*32+x+2)*3+c] = gray[i]
		}
	}
	var all [][]float32
	for _, images := range [][]uint8{padded, gray, repeated} {
		got, err := e.Embed(images, n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got.Trunk.Data)
	}
	for i, got := range all[1:] {
		if d := parity.Compare(got, all[0]); !(d.RelL2 < parity.Rounding) {
			t.Errorf("form %d of the images: %v", i+1, d)
		}
	}
	if len(e.programs) != 3 {
		t.Errorf("%d programs, want one for each of the 3 shapes", len(e.programs))
	}
}

// bfloat16 arithmetic is asked for and is not float32's.
func TestPrecision(t *testing.T) {
	w := small(resnet.HeadLinear)
	w.Manifest.Network.Precision = resnet.BFloat16
	images := parity.Pixels("precision", 2, 16)
	want, _ := forward(t, engines.Go(t), small(resnet.HeadLinear), images, 2)
	for precision, within := range map[string][2]float64{
		"":              {1e-4, 5e-2}, // what the manifest says
		resnet.BFloat16: {1e-4, 5e-2},
		resnet.Float32:  {-1, 1e-5},
	} {
		got, err := open(t, engines.Go(t), w, Options{Batch: 2, Precision: precision}).Embed(images, 2)
		if err != nil {
			t.Fatal(err)
		}
		if d := parity.Compare(got.Trunk.Data, want); !(d.RelL2 > within[0] && d.RelL2 < within[1]) {
			t.Errorf("precision %q: %v from float32, want within %v", precision, d, within)
		}
	}
}

func TestTrunkAlone(t *testing.T) {
	whole := small(resnet.HeadLinear)
	trunk := whole.Trunk()
	if err := trunk.check(); err != nil || len(whole.Values) != len(trunk.Values)+2 {
		t.Fatalf("%d of %d tensors, error %v, want all but fc.weight and fc.bias", len(trunk.Values), len(whole.Values), err)
	}
	images := parity.Pixels("trunk", 2, 16)
	b := engines.Go(t)
	want, err := open(t, b, whole, Options{Batch: 2}).Embed(images, 2)
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, b, trunk, Options{Batch: 2})
	got, err := e.Embed(images, 2)
	if err != nil || !slices.Equal(got.Trunk.Data, want.Trunk.Data) {
		t.Errorf("features differ without the head (error %v)", err)
	}
	if got.Head.Dim != 0 || len(got.Head.Data) != 0 {
		t.Errorf("projections %v without a head, want none", got.Head)
	}
	set := &data.Set{N: 2, Size: 16, Channels: 3, Pixels: images}
	if err := e.WriteNPY(t.Context(), set, true, io.Discard, nil, nil); err == nil || !strings.Contains(err.Error(), "no head") {
		t.Errorf("writing projections without a head: error %v", err)
	}
}

// An encoder that makes features of no use writes none.
func TestFeaturesOfNoUse(t *testing.T) {
	w := small(resnet.HeadLinear)
	w.Values["bn1.bias"][0] = float32(math.NaN())
	e := open(t, engines.Go(t), w, Options{Batch: 2})
	set := &data.Set{N: 3, Size: 16, Channels: 3, Pixels: make([]uint8, 3*16*16*3)}
	if err := e.WriteNPY(t.Context(), set, false, io.Discard, nil, nil); err == nil || !strings.Contains(err.Error(), "of no use: row 0 has NaN") {
		t.Errorf("error %v, want one of features that are not finite", err)
	}
}

func TestShapeOf(t *testing.T) {
	for _, test := range []struct {
		bytes, n int
		want     imageShape
	}{
		{28 * 28, 1, imageShape{28, 1}},
		{5 * 28 * 28, 5, imageShape{28, 1}},
		{2 * 32 * 32 * 3, 2, imageShape{32, 3}},
		{224 * 224 * 3, 1, imageShape{224, 3}},
		{1, 1, imageShape{1, 1}},
		{3, 1, imageShape{1, 3}},
		{2, 1, imageShape{}},
		{7, 2, imageShape{}},
		{10, 0, imageShape{}},
		{0, 0, imageShape{}},
		{10, -1, imageShape{}},
	} {
		got, err := shapeOf(make([]uint8, test.bytes), test.n)
		if got != test.want || (err == nil) == (test.want == imageShape{}) {
			t.Errorf("%d bytes for %d images: %v, error %v, want %v", test.bytes, test.n, got, err, test.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	b := engines.Go(t)
	for _, test := range []struct {
		name   string
		change func(w *Weights, o *Options)
		want   string
	}{
		{"devices", func(_ *Weights, o *Options) { o.Devices = 2 }, "2 devices"},
		{"batch", func(_ *Weights, o *Options) { o.Batch = -1 }, "batch -1"},
		{"precision", func(_ *Weights, o *Options) { o.Precision = "float16" }, `precision is "float16"`},
		{"a tensor less", func(w *Weights, _ *Options) { delete(w.Values, "fc.bias") }, `"fc.bias" is missing`},
		{"a tensor more", func(w *Weights, _ *Options) { w.Values["fc.0.bias"] = nil }, `"fc.0.bias" is not in`},
		{"a short tensor", func(w *Weights, _ *Options) { w.Values["fc.bias"] = make([]float32, 4) }, "4 values, want 5"},
		{"features", func(w *Weights, _ *Options) { w.Manifest.Network.Features = 63 }, "features is 63, want the 64"},
		{"deviation", func(w *Weights, _ *Options) { w.Manifest.Input.Std[1] = 0 }, "std of channel"},
		{"mean", func(w *Weights, _ *Options) { w.Manifest.Input.Mean[0] = math.NaN() }, "mean"},
		{"image size", func(w *Weights, _ *Options) { w.Manifest.Input.ImageSize = 0 }, "image_size is 0"},
		{"architecture", func(w *Weights, _ *Options) { w.Manifest.Network.Arch = "vgg" }, `arch is "vgg"`},
	} {
		w, o := small(resnet.HeadLinear), Options{}
		test.change(w, &o)
		if _, err := New(b, w, o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := Open(b, filepath.Join(t.TempDir(), "nowhere"), Options{}); err == nil {
		t.Error("a path that is not there was opened")
	}
}
