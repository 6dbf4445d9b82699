package resnet

import (
	"math"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// openGo opens GoMLX's pure Go engine.
// normalise runs batchNorm over x [n,1,1,channels] with weight 1, bias 0 and running statistics 0 and 1, and
// returns the output and the new running mean and variance. momentum below 0 leaves the default.
func normalise(t testing.TB, norm Norm, momentum float32, x []float32, channels int) (y, mean, variance []float32) {
	t.Helper()
	return normaliseFrom(t, 0, norm, momentum, x, channels)
}

// normaliseFrom is normalise with a running mean to begin with.
func normaliseFrom(t testing.TB, runningMean float32, norm Norm, momentum float32, x []float32, channels int) (y, mean, variance []float32) {
	t.Helper()
	store := model.NewStore()
	scope := store.RootScope()
	for name, v := range map[string]float32{"weight": 1, "bias": 0, "running_mean": runningMean, "running_var": 1} {
		values := make([]float32, channels)
		for i := range values {
			values[i] = v
		}
		scope.VariableWithValue("bn."+name, values)
	}
	exec, err := model.NewExec(engines.Go(t), store, func(scope *model.Scope, x *Node) *Node {
		if momentum >= 0 {
			norm.Momentum = Const(x.Graph(), momentum)
		}
		e := &encoder{scope: scope, norm: norm, g: x.Graph()}
		return e.batchNorm(x, "bn")
	})
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := exec.Call(tensors.FromFlatDataAndDimensions(x, len(x)/channels, 1, 1, channels))
	if err != nil {
		t.Fatal(err)
	}
	return values(outputs[0]), values(scope.GetVariable("bn.running_mean").MustValue()),
		values(scope.GetVariable("bn.running_var").MustValue())
}

func values(t *tensors.Tensor) []float32 { return tensors.MustCopyFlatData[float32](t) }

// x = 2^i, i < 8, in one channel: each contiguous group has statistics of its own, the running ones are the
// groups' mean, with unbiased variance.
func TestBatchNormGroups(t *testing.T) {
	x := []float32{1, 2, 4, 8, 16, 32, 64, 128}
	half := []float64{-1.025755, -.652753, .093250, 1.585257, -1.025755, -.652753, .093250, 1.585258}
	tests := []struct {
		groups                  int
		y                       []float64
		runningMean, runningVar float64
	}{
		// Mean of the batch 31.875; 0.1 of it enters.
		{2, half, 3.1875, 124.045833},
		{1, nil, 3.1875, 196.855357},
		{4, nil, 3.1875, 0.9 + 0.1*(0.5+8+128+2048)/4},
	}
	for _, test := range tests {
		y, mean, variance := normalise(t, Norm{Train: true, Groups: test.groups}, -1, x, 1)
		if test.y != nil {
			if d := parity.Compare(y, test.y); !(d.MaxAbs < 2e-6) {
				t.Errorf("%d groups: %v, want %v: %v", test.groups, y, test.y, d)
			}
		}
		if d := parity.Compare(mean, []float64{test.runningMean}); !(d.RelL2 < parity.Rounding) {
			t.Errorf("%d groups: running mean %v, want %v", test.groups, mean, test.runningMean)
		}
		if d := parity.Compare(variance, []float64{test.runningVar}); !(d.RelL2 < parity.Rounding) {
			t.Errorf("%d groups: running variance %v, want %v", test.groups, variance, test.runningVar)
		}
	}
}

// Channels do not mix, momentum 1 replaces the running statistics, 0 keeps them.
func TestBatchNormMomentum(t *testing.T) {
	x := []float32{1, 10, 3, 30, 5, 50, 7, 70} // channels 1,3,5,7 and 10,30,50,70
	for momentum, want := range map[float32][2][]float64{
		0: {{0, 0}, {1, 1}},
		1: {{4, 40}, {20.0 / 3, 2000.0 / 3}},
	} {
		_, mean, variance := normalise(t, Norm{Train: true, Groups: 1}, momentum, x, 2)
		if d := parity.Compare(mean, want[0]); !(d.MaxAbs < 1e-4) {
			t.Errorf("momentum %v: running mean %v, want %v", momentum, mean, want[0])
		}
		if d := parity.Compare(variance, want[1]); !(d.MaxAbs < 1e-3) {
			t.Errorf("momentum %v: running variance %v, want %v", momentum, variance, want[1])
		}
	}
}

// Without Train the running statistics, 0 and 1, normalise, and stay.
func TestBatchNormEval(t *testing.T) {
	x := []float32{1, 2, 4, 8}
	y, mean, variance := normalise(t, Norm{}, -1, x, 1)
	for i := range x {
		if want := float64(x[i]) / math.Sqrt(1+1e-5); math.Abs(float64(y[i])-want) > 1e-6 {
			t.Errorf("element %d is %v, want %v", i, y[i], want)
		}
	}
	if mean[0] != 0 || variance[0] != 1 {
		t.Errorf("running statistics %v and %v, want 0 and 1", mean[0], variance[0])
	}
}

// A channel that is constant has no variance but rounding: its output is the bias, not noise blown up.
func TestBatchNormConstantChannel(t *testing.T) {
	y, _, variance := normalise(t, Norm{Train: true, Groups: 2}, -1, []float32{3.3, 3.3, 3.3, 3.3, 5.7, 5.7, 5.7, 5.7}, 1)
	for i, v := range y {
		if math.Abs(float64(v)) > 1e-3 {
			t.Errorf("element %d is %v, want 0", i, v)
		}
	}
	if math.Abs(float64(variance[0])-0.9) > 1e-5 {
		t.Errorf("running variance %v, want 0.9", variance[0])
	}
}

// The one-pass variance must not cancel: not at all where the running mean is near the batch's, however far both are
// from zero, and by rounding only in a first step, whose running mean is still 0.
func TestBatchNormFarFromZero(t *testing.T) {
	near := []float32{1, 2, 4, 8, 16, 32, 64, 128} // each group's mean is 1.4 of its standard deviations
	norm := Norm{Train: true, Groups: 2}
	want, mean, variance := normalise(t, norm, 1, near, 1)
	for _, test := range []struct {
		offset, runningMean float32
		tolerance           float64
	}{
		{10000, 10000, 1e-6},
		{10000, 9990, 1e-5},
		{100, 0, 1e-3}, // the first group's mean is 40 of its standard deviations
	} {
		far := make([]float32, len(near))
		for i := range far {
			far[i] = near[i] + test.offset
		}
		got, farMean, farVariance := normaliseFrom(t, test.runningMean, norm, 1, far, 1)
		if d := parity.Compare(got, want); !(d.MaxAbs < test.tolerance) {
			t.Errorf("%v from %v: output %v, want %v: %v", test.offset, test.runningMean, got, want, d)
		}
		if d := parity.Compare(farMean, []float32{mean[0] + test.offset}); !(d.RelL2 < parity.Rounding) {
			t.Errorf("%v from %v: running mean %v, want %v above %v", test.offset, test.runningMean, farMean, mean, test.offset)
		}
		if d := parity.Compare(farVariance, variance); !(d.RelL2 < test.tolerance) {
			t.Errorf("%v from %v: running variance %v, want %v", test.offset, test.runningMean, farVariance, variance)
		}
	}
}

func TestBatchNormRefuses(t *testing.T) {
	tests := []struct {
		name   string
		batch  int
		groups int
		want   string
	}{
		{"groups that do not divide", 4, 3, "divisor of the batch"},
		{"no groups", 4, 0, "divisor of the batch"},
		{"one value per group", 4, 4, "no variance"},
	}
	for _, test := range tests {
		c := Config{
			Arch: "resnet10", Width: 2, Stem: StemImageNet, Head: HeadLinear, Dim: 4, Precision: Float32,
			Remat: RematNone,
		}
		store := model.NewStore()
		Init(store.RootScope(), c, 1)
		exec, err := model.NewExec(engines.Go(t), store, func(scope *model.Scope, x *Node) *Node {
			return Forward(scope, c, Norm{Train: true, Groups: test.groups}, x).Projection
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = exec.Call(tensors.FromFlatDataAndDimensions(make([]float32, test.batch*8*8*3), test.batch, 8, 8, 3))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}
