package resnet

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// torchRun is what gen_torch.py of package selftest recorded of torchvision's ResNets: what they are called and made of.
type torchRun struct {
	Models []struct {
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
	if err := parity.Load(os.DirFS("../selftest/testdata"), "torch_resnet.json", &run); err != nil {
		t.Fatal(err)
	}
	return run
}

// formulaWeights creates the encoder's variables with the values that gen_torch.py gives them.
func formulaWeights(scope *model.Scope, c Config) {
	for _, p := range c.Params() {
		values := FromTorch(parity.Weights("query", p.Name, TorchDims(p.Dims)), p.Dims)
		scope.VariableWithValue(p.Name, tensors.FromFlatDataAndDimensions(values, p.Dims...)).SetTrainable(!p.Buffer)
	}
}

// formulaImages are n images of the recorded run.
func formulaImages(n, size int) *tensors.Tensor { return parity.Views(n, size) }

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
