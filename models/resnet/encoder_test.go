package resnet

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

func tiny() Config {
	return Config{
		Arch: "resnet10", Width: 4, Stem: StemSmall, Head: HeadMLP, Dim: 8, Precision: Float32,
		Remat: RematNone,
	}
}

// encode runs the encoder with the formulas' weights over images [n,8,8,3] and returns the outputs and the
// variables behind it.
func encode(t testing.TB, c Config, norm Norm, images []float32) (features, projection []float32, store *model.Store) {
	t.Helper()
	store = model.NewStore()
	formulaWeights(store.RootScope(), c)
	exec, err := model.NewExec(engines.Go(t), store, func(scope *model.Scope, x *Node) (*Node, *Node) {
		out := Forward(scope, c, norm, x)
		return out.Features, out.Projection
	})
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := exec.Call(tensors.FromFlatDataAndDimensions(images, len(images)/(8*8*3), 8, 8, 3))
	if err != nil {
		t.Fatal(err)
	}
	return values(outputs[0]), values(outputs[1]), store
}

// rows reorders the images, or rows of width values each.
func rows(x []float32, width int, order []int) []float32 {
	moved := make([]float32, 0, len(x))
	for _, i := range order {
		moved = append(moved, x[i*width:(i+1)*width]...)
	}
	return moved
}

// An encoder follows a permutation of the batch as long as every image keeps its group's company.
func TestPermutedBatch(t *testing.T) {
	images := values(formulaImages(8, 8))
	tests := []struct {
		name  string
		norm  Norm
		order []int
		moved bool // the embeddings of the images themselves change
	}{
		{"one group", Norm{Train: true, Groups: 1}, []int{5, 2, 7, 0, 3, 6, 1, 4}, false},
		{"within groups", Norm{Train: true, Groups: 2}, []int{3, 1, 0, 2, 5, 7, 6, 4}, false},
		{"groups as a whole", Norm{Train: true, Groups: 2}, []int{4, 5, 6, 7, 0, 1, 2, 3}, false},
		{"between groups", Norm{Train: true, Groups: 2}, []int{0, 1, 4, 5, 2, 3, 6, 7}, true},
		{"eval", Norm{}, []int{5, 2, 7, 0, 3, 6, 1, 4}, false},
	}
	for _, test := range tests {
		_, straight, _ := encode(t, tiny(), test.norm, images)
		_, permuted, _ := encode(t, tiny(), test.norm, rows(images, 8*8*3, test.order))
		d := parity.Compare(permuted, rows(straight, tiny().Dim, test.order))
		if moved := d.RelL2 > 1e-4; moved != test.moved {
			t.Errorf("%s: embeddings change: %v (%v), want %v", test.name, moved, d, test.moved)
		}
	}
}

// A forward without Train changes no variable; one with Train changes exactly the running statistics.
func TestForwardChangesOnlyStatistics(t *testing.T) {
	images := values(formulaImages(8, 8))
	for _, train := range []bool{false, true} {
		_, _, store := encode(t, tiny(), Norm{Train: train, Groups: 2}, images)
		for _, p := range tiny().Params() {
			before := FromTorch(parity.Weights("query", p.Name, TorchDims(p.Dims)), p.Dims)
			after := values(store.RootScope().GetVariable(p.Name).MustValue())
			if changed := !slices.Equal(before, after); changed != (train && p.Buffer) {
				t.Errorf("train %v: %s changed: %v, want %v", train, p.Name, changed, train && p.Buffer)
			}
		}
	}
}

func TestProjectionHasUnitRows(t *testing.T) {
	images := values(formulaImages(4, 8))
	for _, head := range []string{HeadLinear, HeadMLP} {
		c := tiny()
		c.Head = head
		features, projection, _ := encode(t, c, Norm{Train: true, Groups: 1}, images)
		if len(features) != 4*c.Features() || len(projection) != 4*c.Dim {
			t.Fatalf("%s: %d features and %d values of projections, want %d and %d", head, len(features),
				len(projection), 4*c.Features(), 4*c.Dim)
		}
		for row := range slices.Chunk(projection, c.Dim) {
			sum := 0.0
			for _, v := range row {
				sum += float64(v) * float64(v)
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("%s: squared length %v, want 1", head, sum)
			}
		}
	}
}

// A projection of zeros stays zero, and has a finite gradient.
func TestZeroProjection(t *testing.T) {
	c := tiny()
	c.Head = HeadLinear
	store := model.NewStore()
	formulaWeights(store.RootScope(), c)
	for _, name := range []string{"fc.weight", "fc.bias"} {
		v := store.RootScope().GetVariable(name)
		if err := v.SetValue(tensors.FromShape(v.Shape())); err != nil {
			t.Fatal(err)
		}
	}
	exec, err := model.NewExec(engines.Go(t), store, func(scope *model.Scope, x *Node) (*Node, *Node) {
		out := Forward(scope, c, Norm{Train: true, Groups: 1}, x).Projection
		return out, Gradient(ReduceAllSum(out), scope.GetVariable("fc.weight").NodeValue(x.Graph()))[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := exec.Call(formulaImages(4, 8))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values(outputs[0]) {
		if v != 0 {
			t.Fatalf("projection %v, want zeros", values(outputs[0]))
		}
	}
	for _, v := range values(outputs[1]) {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Fatalf("gradient %v, want finite numbers", v)
		}
	}
}

// The Go engine's convolution by matrix product is the engine's own one, at every stride and odd and even
// sizes.
func TestConvolveByMatmul(t *testing.T) {
	for _, test := range []struct{ height, width, kernel, stride int }{
		{8, 8, 3, 1}, {7, 9, 3, 2}, {8, 6, 3, 2}, {11, 8, 7, 2}, {8, 7, 1, 2}, {5, 5, 1, 1}, {2, 2, 3, 2}, {1, 1, 3, 1},
	} {
		x := tensors.FromFlatDataAndDimensions(parity.UnitRows("x", 2*test.height*test.width, 3), 2, test.height, test.width, 3)
		kernel := tensors.FromFlatDataAndDimensions(parity.UnitRows("kernel", test.kernel*test.kernel*3, 4),
			test.kernel, test.kernel, 3, 4)
		got, err := CallOnceN(engines.Go(t), func(x, kernel *Node) (*Node, *Node) {
			p := (test.kernel - 1) / 2
			return convolveByMatmul(x, kernel, test.stride),
				Convolve(x, kernel).Strides(test.stride).PaddingPerDim([][2]int{{p, p}, {p, p}}).Done()
		}, x, kernel)
		if err != nil {
			t.Fatal(err)
		}
		if !got[0].Shape().Equal(got[1].Shape()) {
			t.Errorf("%+v: shape %s, want %s", test, got[0].Shape(), got[1].Shape())
			continue
		}
		if d := parity.Compare(values(got[0]), values(got[1])); !(d.RelL2 < parity.Rounding) {
			t.Errorf("%+v: %v", test, d)
		}
	}
}

// Initial values have torchvision's distributions and depend on seed and name alone.
func TestInit(t *testing.T) {
	initial := func(c Config, seed uint64) *model.Scope {
		store := model.NewStore()
		Init(store.RootScope(), c, seed)
		return store.RootScope()
	}
	c := Config{
		Arch: "resnet18", Width: 64, Stem: StemImageNet, Head: HeadLinear, Dim: 128, Precision: Float32,
		Remat: RematNone,
	}
	scope := initial(c, 1)
	deviations := map[string]float64{
		"conv1.weight":                 math.Sqrt(2.0 / (64 * 49)),
		"layer3.0.conv1.weight":        math.Sqrt(2.0 / (256 * 9)),
		"layer4.0.downsample.0.weight": math.Sqrt(2.0 / 512),
		"fc.weight":                    1 / math.Sqrt(512*3),
		"fc.bias":                      1 / math.Sqrt(512*3),
	}
	for name, want := range deviations {
		sum, square, x := 0.0, 0.0, values(scope.GetVariable(name).MustValue())
		for _, v := range x {
			sum += float64(v)
			square += float64(v) * float64(v)
		}
		n := float64(len(x))
		if got := math.Sqrt(square / n); math.Abs(got/want-1) > 4/math.Sqrt(n) {
			t.Errorf("%s: deviation %v, want %v", name, got, want)
		}
		if mean := sum / n; math.Abs(mean) > 4*want/math.Sqrt(n) {
			t.Errorf("%s: mean %v, want 0", name, mean)
		}
	}
	for _, p := range c.Params() {
		want, constant := 0.0, true
		switch {
		case strings.Contains(p.Name, "bn") || strings.Contains(p.Name, "downsample.1"):
			if strings.HasSuffix(p.Name, ".weight") || strings.HasSuffix(p.Name, ".running_var") {
				want = 1
			}
		default:
			constant = false
		}
		x := values(scope.GetVariable(p.Name).MustValue())
		if constant && slices.ContainsFunc(x, func(v float32) bool { return float64(v) != want }) {
			t.Errorf("%s is not all %v", p.Name, want)
		}
		if trainable := scope.GetVariable(p.Name).Trainable; trainable == p.Buffer {
			t.Errorf("%s is trainable: %v, want %v", p.Name, trainable, !p.Buffer)
		}
	}
	small, same, other := initial(tiny(), 1), initial(tiny(), 1), initial(tiny(), 2)
	at := func(s *model.Scope) []float32 { return values(s.GetVariable("layer1.0.conv1.weight").MustValue()) }
	if !slices.Equal(at(small), at(same)) || slices.Equal(at(small), at(other)) {
		t.Error("initial values are not a function of the seed")
	}
	if second := values(small.GetVariable("layer1.0.conv2.weight").MustValue()); slices.Equal(at(small), second) {
		t.Error("two variables of one shape have the same initial values")
	}
}

func TestValidate(t *testing.T) {
	if err := tiny().Validate(); err != nil {
		t.Errorf("tiny: %v", err)
	}
	for _, arch := range Archs {
		c := tiny()
		c.Arch = arch
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", arch, err)
		}
	}
	trunk := tiny()
	trunk.Head = HeadNone
	if err := trunk.Validate(); err == nil || !strings.Contains(err.Error(), "without a head, want 0") {
		t.Errorf("a dimension without a head: error %v", err)
	}
	trunk.Dim = 0
	if err := trunk.Validate(); err != nil {
		t.Errorf("no head: %v", err)
	}
	if n := len(trunk.Params()); n != len(tiny().Params())-4 {
		t.Errorf("%d variables without a head, want all but the four of the head's two layers", n)
	}
	err := Config{Arch: "vgg"}.Validate()
	if err == nil {
		t.Fatal("no error of a wrong configuration")
	}
	for _, want := range []string{`arch is "vgg"`, "resnet18", "stem", "head", "precision", "remat", "width is 0", "dim is 0"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
}

// Of a gray image, the encoder of one channel makes what that of three makes of it repeated, if its first kernel is the sum of
// the other's over the channels.
func TestOneChannel(t *testing.T) {
	for _, stem := range Stems {
		three := tiny()
		three.Stem, three.Head, three.Dim = stem, HeadNone, 0
		one := three
		one.Channels = 1
		if got, want := three.Params()[0].Dims[2], 3; got != want || one.Params()[0].Dims[2] != 1 {
			t.Fatalf("kernels of %d and %d channels, want %d and 1", got, one.Params()[0].Dims[2], want)
		}
		gray := values(formulaImages(2, 32))[:2*32*32]
		repeated := make([]float32, 0, 3*len(gray))
		for _, v := range gray {
			repeated = append(repeated, v, v, v)
		}
		features := func(c Config, images []float32, first []float32) []float32 {
			store := model.NewStore()
			formulaWeights(store.RootScope(), c)
			if first != nil {
				v := store.RootScope().GetVariable("conv1.weight")
				if err := v.SetValue(tensors.FromFlatDataAndDimensions(first, c.Params()[0].Dims...)); err != nil {
					t.Fatal(err)
				}
			}
			exec, err := model.NewExec(engines.Go(t), store, func(scope *model.Scope, x *Node) *Node { return Forward(scope, c, Norm{}, x).Features })
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Call1(tensors.FromFlatDataAndDimensions(images, 2, 32, 32, c.ImageChannels()))
			if err != nil {
				t.Fatal(err)
			}
			return values(out)
		}
		store := model.NewStore()
		formulaWeights(store.RootScope(), three)
		kernel := values(store.RootScope().GetVariable("conv1.weight").MustValue())
		sum := make([]float32, len(kernel)/3)
		for i, v := range kernel {
			at := i / (3 * three.Width) * three.Width
			sum[at+i%three.Width] += v
		}
		d := parity.Compare(features(one, gray, sum), features(three, repeated, nil))
		if !(d.RelL2 < 1e-5) {
			t.Errorf("stem %s: %v", stem, d)
		}
	}
}
