package moco

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// torchRun is a run recorded by testdata/gen_torch.py.
type torchRun struct {
	Config struct {
		Arch        string    `json:"arch"`
		Stem        string    `json:"stem"`
		Head        string    `json:"head"`
		Width       int       `json:"width"`
		Dim         int       `json:"dim"`
		ImageSize   int       `json:"image_size"`
		Batch       int       `json:"batch"`
		QueueLen    int       `json:"queue_len"`
		Groups      int       `json:"groups"`
		Pointer     int       `json:"pointer"`
		KeyMomentum float64   `json:"key_momentum"`
		Temperature float64   `json:"temperature"`
		Symmetric   bool      `json:"symmetric"`
		LRs         []float32 `json:"lrs"`
		WeightDecay float64   `json:"weight_decay"`
		SGDMomentum float64   `json:"sgd_momentum"`
	} `json:"config"`
	Order        []int           `json:"order"`
	Steps        [][]float64     `json:"steps"`
	FinalPointer int32           `json:"final_pointer"`
	Tensors      []parity.Record `json:"tensors"`
}

func (r torchRun) config() Step {
	c := r.Config
	return Step{
		Encoder: resnet.Config{
			Arch: c.Arch, Width: c.Width, Stem: c.Stem, Head: c.Head, Dim: c.Dim,
			Precision: resnet.Float32, Remat: resnet.RematNone,
		},
		Views: affine{}, ImageSize: c.ImageSize, SGDMomentum: c.SGDMomentum, WeightDecay: c.WeightDecay,
		Config: Config{
			Batch: c.Batch, Queue: c.QueueLen, KeyMomentum: c.KeyMomentum, Temperature: c.Temperature,
			Groups: c.Groups, Shuffle: true, Symmetric: c.Symmetric,
		},
	}
}

// Tolerances against the recorded float64 run, relative L2 per tensor. PyTorch's own float32 run is as far
// away as the "float32" of the records tells: up to 2e-5, in the momentum buffers.
const (
	torchLoss       = 3e-6 // relative
	torchFigure     = 1e-6 // absolute: the other figures
	torchGradient   = 1e-3 // relative: the gradients' norm
	torchParameters = 2e-6
	torchStatistics = 5e-6
	torchMomentum   = 5e-4
	torchQueue      = 5e-6
)

func torchTolerance(name string) float64 {
	switch {
	case name == "queue":
		return torchQueue
	case strings.HasPrefix(name, MomentumScope+"/"):
		return torchMomentum
	case strings.Contains(name, ".running_"):
		return torchStatistics
	}
	return torchParameters
}

// Three steps of MoCo v1 on the small-stem ResNet-18, and one symmetric step of v2 with the MLP head on a
// narrow net with the ImageNet stem, follow PyTorch: figures, both encoders, running statistics, SGD's
// buffers, the queue (which wraps in both) and its pointer.
func TestTorchV1(t *testing.T) { testTorch(t, engines.Go(t), "v1") }
func TestTorchV2(t *testing.T) { testTorch(t, engines.Go(t), "v2") }

func testTorch(t *testing.T, b compute.Backend, version string) {
	var run torchRun
	if err := parity.Load("testdata/torch_"+version+".json", &run); err != nil {
		t.Fatal(err)
	}
	c := run.config()
	if got := c.ShuffleOrder(); !slices.Equal(got, run.Order) {
		t.Fatalf("shuffle order %v, want %v", got, run.Order)
	}
	store := formulaState(t, c, run.Config.Pointer)
	for i, figures := range runSteps(t, b, store, c, run.Config.LRs) {
		if err := checkFigures(figures, run.Steps[i]); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if got := tensors.ToScalar[int32](value(t, store.RootScope(), PointerName)); got != run.FinalPointer {
		t.Errorf("queue pointer %d, want %d", got, run.FinalPointer)
	}
	worst := map[string]float64{}
	for _, record := range run.Tensors {
		distance, err := record.Check(torchValues(t, store, record), torchTolerance(record.Name))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(record.Name, "/")
		worst[kind] = max(worst[kind], distance)
	}
	t.Logf("%d tensors, largest relative L2 difference of each kind: %v", len(run.Tensors), worst)
}

// formulaState is a state whose values are formulas, those of gen_torch.py.
func formulaState(t testing.TB, c Step, pointer int) *model.Store {
	t.Helper()
	store := model.NewStore()
	if err := Init(store, c, 1); err != nil {
		t.Fatal(err)
	}
	root := store.RootScope()
	for _, scope := range []string{QueryScope, KeyScope} {
		for _, p := range c.Encoder.Params() {
			values := resnet.FromTorch(parity.Weights(scope, p.Name, resnet.TorchDims(p.Dims)), p.Dims)
			set(t, root.At("%s", scope), p.Name, tensors.FromFlatDataAndDimensions(values, p.Dims...))
		}
	}
	queue := parity.UnitRows("queue", c.Queue, c.Encoder.Dim)
	set(t, root, QueueName, tensors.FromFlatDataAndDimensions(queue, c.Queue, c.Encoder.Dim))
	set(t, root, PointerName, tensors.FromValue(int32(pointer)))
	return store
}

// runSteps runs one step of the formula's inputs for each learning rate and returns the figures.
// declared are the inputs of a step for its mesh.
func declared(s Step) (in []mesh.Input) {
	for _, i := range s.Inputs(s.ImageSize, 3) {
		in = append(in, i.Input)
	}
	return in
}

func runSteps(t testing.TB, b compute.Backend, store *model.Store, c Step, lrs []float32) [][]float32 {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := mesh.New(b, 1)
	if err != nil {
		t.Fatal(err)
	}
	program, err := m.Compile("step", store, declared(c), c.Build)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	var all [][]float32
	for i, lr := range lrs {
		outputs, err := program.Run(stepArgs(c, fmt.Sprint(i), lr)...)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tensors.MustCopyFlatData[float32](outputs[0]))
	}
	return all
}

func checkFigures(got []float32, want []float64) error {
	if len(got) != NumFigures || len(want) != NumFigures {
		return fmt.Errorf("%d figures, want %d, recorded %d", len(got), NumFigures, len(want))
	}
	for i, w := range want {
		allowed := torchFigure
		switch i {
		case FigureLoss, FigureLossQuery, FigureLossKey:
			allowed = torchLoss * w
		case FigureGradientNorm:
			allowed = torchGradient * w
		}
		if g := float64(got[i]); !(math.Abs(g-w) <= allowed) {
			return fmt.Errorf("figure %d is %.9g, want %.9g within %.2g: got %v, want %v", i, g, w, allowed, got, want)
		}
	}
	return nil
}

// torchValues are the values of the recorded variable in torch's layout.
func torchValues(t testing.TB, store *model.Store, r parity.Record) []float32 {
	t.Helper()
	scope, name := store.RootScope(), r.Name
	if s, n, ok := strings.Cut(r.Name, "/"); ok {
		scope, name = scope.At("%s", s), n
	}
	tensor := value(t, scope, name)
	values, dims := resnet.ToTorch(tensors.MustCopyFlatData[float32](tensor), tensor.Shape().Dimensions)
	if !slices.Equal(dims, r.Dims) {
		t.Fatalf("%s has torch dimensions %v, want %v", r.Name, dims, r.Dims)
	}
	return values
}

func value(t testing.TB, scope *model.Scope, name string) *tensors.Tensor {
	t.Helper()
	v := scope.GetVariable(name)
	if v == nil {
		t.Fatalf("no variable %q in scope %q", name, scope.Scope())
	}
	tensor, err := v.Value()
	if err != nil {
		t.Fatal(err)
	}
	return tensor
}

func set(t testing.TB, scope *model.Scope, name string, value *tensors.Tensor) {
	t.Helper()
	v := scope.GetVariable(name)
	if v == nil {
		t.Fatalf("no variable %q in scope %q", name, scope.Scope())
	}
	if err := v.SetValue(value); err != nil {
		t.Fatal(err)
	}
}
