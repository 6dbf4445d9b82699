package resnet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// torchRun is what models/moco/testdata/gen_torch.py recorded of torchvision's ResNets.
type torchRun struct {
	Config struct {
		Arch   string `json:"arch"`
		Size   int    `json:"size"`
		Batch  int    `json:"batch"`
		Groups int    `json:"groups"`
	} `json:"config"`
	Tensors []parity.Record `json:"tensors"`
	Models  []struct {
		Arch       string   `json:"arch"`
		Stem       string   `json:"stem"`
		Head       string   `json:"head"`
		Parameters int      `json:"parameters"`
		Trunk      int      `json:"trunk"`
		Names      []string `json:"names"`
		Dims       []string `json:"dims"`
	} `json:"models"`
}

func loadTorch(t *testing.T) torchRun {
	t.Helper()
	var run torchRun
	if err := parity.Load("testdata/torch.json", &run); err != nil {
		t.Fatal(err)
	}
	return run
}

// Tolerances against torch's float64, relative L2 per tensor; torch's own float32 is within 1e-6.
const (
	torchOutputs    = 3e-5
	torchStatistics = 3e-5
)

// torchvision's ResNet-50 with the ImageNet stem, 48 pixels: padding, strides, pooling, the order of ReLU and
// sum, BatchNorm by running statistics and by those of two groups, and the update of the running ones.
func TestTorchForward(t *testing.T) {
	b := engines.Go(t)
	testTorchForward(t, b)
}

func testTorchForward(t *testing.T, b compute.Backend) {
	run := loadTorch(t)
	c := Config{
		Arch: run.Config.Arch, Width: 64, Stem: StemImageNet, Head: HeadLinear, Dim: 128,
		Precision: Float32, Remat: RematNone,
	}
	store := model.NewStore()
	formulaWeights(store.RootScope(), c)
	images := formulaImages(run.Config.Batch, run.Config.Size)

	got := map[string]*tensors.Tensor{}
	for _, mode := range []string{"eval", "train"} {
		norm := Norm{Train: mode == "train", Groups: run.Config.Groups}
		exec, err := model.NewExec(b, store, func(scope *model.Scope, x *Node) []*Node {
			out := Forward(scope, c, norm, x)
			return []*Node{out.Features, out.Projection}
		})
		if err != nil {
			t.Fatal(err)
		}
		outputs, err := exec.Call(images)
		if err != nil {
			t.Fatal(err)
		}
		got[mode+".features"], got[mode+".projection"] = outputs[0], outputs[1]
	}
	worst := 0.0
	for _, record := range run.Tensors {
		tensor, tolerance := got[record.Name], torchOutputs
		if tensor == nil {
			tensor, tolerance = store.RootScope().GetVariable(record.Name).MustValue(), torchStatistics
		}
		distance, err := record.Check(tensors.MustCopyFlatData[float32](tensor), tolerance)
		if err != nil {
			t.Error(err)
		}
		worst = max(worst, distance)
	}
	t.Logf("%d tensors, largest relative L2 difference %.2g", len(run.Tensors), worst)
}

// formulaWeights creates the encoder's variables with the values that gen_torch.py gives them.
func formulaWeights(scope *model.Scope, c Config) {
	for _, p := range c.Params() {
		values := FromTorch(parity.Weights("query", p.Name, TorchDims(p.Dims)), p.Dims)
		scope.VariableWithValue(p.Name, tensors.FromFlatDataAndDimensions(values, p.Dims...)).SetTrainable(!p.Buffer)
	}
}

// formulaImages are view 1 of gen_torch.py's first batch.
func formulaImages(n, size int) *tensors.Tensor {
	pixels := parity.Pixels("images0", n, size)
	values := make([]float32, len(pixels))
	for i, p := range pixels {
		image := i / (len(pixels) / n)
		scale := float32(1 + 0.3*parity.Uniform("view1.0.scale", image))
		offset := float32(0.3*parity.Uniform("view1.0.offset", image) - 0.5)
		values[i] = float32(p)/255*scale + offset
	}
	return tensors.FromFlatDataAndDimensions(values, n, size, size, 3)
}

// Names, order, dimensions and counts are those of torchvision's state_dict, so that checkpoints can travel.
func TestTorchNames(t *testing.T) {
	for _, m := range loadTorch(t).Models {
		c := Config{Arch: m.Arch, Width: 64, Stem: m.Stem, Head: m.Head, Dim: 128, Precision: Float32, Remat: RematNone}
		var names, dims []string
		trunk := 0
		for _, p := range c.Params() {
			names = append(names, p.Name)
			dims = append(dims, strings.ReplaceAll(strings.Trim(fmt.Sprint(TorchDims(p.Dims)), "[]"), " ", "x"))
			if !p.Buffer && !strings.HasPrefix(p.Name, "fc") {
				trunk += p.Size()
			}
			if buffer := strings.Contains(p.Name, ".running_"); p.Buffer != buffer {
				t.Errorf("%s: %s is a buffer: %v, want %v", m.Arch, p.Name, p.Buffer, buffer)
			}
		}
		title := m.Arch + ", " + m.Stem + ", " + m.Head
		if !slices.Equal(names, m.Names) {
			t.Errorf("%s: names %v, want %v", title, names, m.Names)
		}
		if !slices.Equal(dims, m.Dims) {
			t.Errorf("%s: dimensions %v, want %v", title, dims, m.Dims)
		}
		if got := numParameters(c); got != m.Parameters || trunk != m.Trunk {
			t.Errorf("%s: %d parameters, %d in the trunk, want %d and %d", title, got, trunk, m.Parameters, m.Trunk)
		}
	}
}

// Published counts, independent of the recording: mmpretrain's of both encoders of MoCo v2, and those that
// follow from the architectures.
func TestParameterCounts(t *testing.T) {
	tests := []struct {
		arch, stem, head string
		want             int // of one encoder
	}{
		{"resnet50", StemImageNet, HeadMLP, 55_933_312 / 2},
		{"resnet50", StemImageNet, HeadLinear, 23_770_304},
		{"resnet18", StemSmall, HeadLinear, 11_234_496},
	}
	for _, test := range tests {
		c := Config{
			Arch: test.arch, Width: 64, Stem: test.stem, Head: test.head, Dim: 128,
			Precision: Float32, Remat: RematNone,
		}
		if got := numParameters(c); got != test.want {
			t.Errorf("%s %s %s: %d parameters, want %d", test.arch, test.stem, test.head, got, test.want)
		}
	}
}

// numParameters counts the values of the parameters, without BatchNorm's buffers.
func numParameters(c Config) int {
	n := 0
	for _, p := range c.Params() {
		if !p.Buffer {
			n += p.Size()
		}
	}
	return n
}
