package moco

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// onGo runs a graph function once on the Go engine; its outputs are float32.
func onGo(t testing.TB, build func(args []*Node) []*Node, args ...any) [][]float32 {
	t.Helper()
	outputs, err := CallOnceN(engines.Go(t), build, args...)
	if err != nil {
		t.Fatal(err)
	}
	values := make([][]float32, len(outputs))
	for i, o := range outputs {
		values[i] = tensors.MustCopyFlatData[float32](o)
	}
	return values
}

// unit makes rows of dim values, formula(row, column), and scales them to length 1.
func unit(rows, dim int, formula func(row, column int) float64) *tensors.Tensor {
	values := make([]float32, 0, rows*dim)
	for row := range rows {
		sum := 0.0
		for c := range dim {
			sum += formula(row, c) * formula(row, c)
		}
		for c := range dim {
			values = append(values, float32(formula(row, c)/math.Sqrt(sum)))
		}
	}
	return tensors.FromFlatDataAndDimensions(values, rows, dim)
}

// The closed-form vectors: q = sin(1+8n+c), k = cos(2+8n+c), queue = sin((8j+c)/2), N 4, C 8, K 16.
func sineQueries() *tensors.Tensor {
	return unit(4, 8, func(n, c int) float64 { return math.Sin(float64(1 + 8*n + c)) })
}

func sineKeys() *tensors.Tensor {
	return unit(4, 8, func(n, c int) float64 { return math.Cos(float64(2 + 8*n + c)) })
}

func sineQueue() *tensors.Tensor {
	return unit(16, 8, func(j, c int) float64 { return math.Sin(float64(8*j+c) / 2) })
}

func lossOf(temperature float64) func(args []*Node) []*Node {
	return func(args []*Node) []*Node {
		c := infoNCE(args[0], args[1], args[2], temperature)
		return []*Node{c.loss, c.figures}
	}
}

func TestInfoNCEClosedForms(t *testing.T) {
	constant := func(rows int) *tensors.Tensor { return unit(rows, 8, func(int, int) float64 { return 1 }) }
	tests := []struct {
		name             string
		query, key, keys *tensors.Tensor
		temperature      float64
		want, tolerance  float64
	}{
		{"sines, v1's temperature", sineQueries(), sineKeys(), sineQueue(), 0.07, 19.4978332, 1e-5},
		{"sines, the notebook's", sineQueries(), sineKeys(), sineQueue(), 0.1, 14.1136996, 1e-5},
		{"sines, v2's", sineQueries(), sineKeys(), sineQueue(), 0.2, 8.0046423, 1e-5},
		{"the key is the query", sineQueries(), sineQueries(), sineQueue(), 0.07, 0.0014501170, 1e-6},
		{"all alike", constant(4), constant(4), constant(4096), 0.07, 8.318010, 1e-4},
		{"all alike, another temperature", constant(4), constant(4), constant(4096), 0.2, math.Log(4097), 1e-4},
	}
	for _, test := range tests {
		got := onGo(t, lossOf(test.temperature), test.query, test.key, test.keys)
		for i, loss := range []float32{got[0][0], got[1][FigureLoss]} {
			if !(math.Abs(float64(loss)-test.want) <= test.tolerance) {
				t.Errorf("%s: loss %d is %.8g, want %.8g", test.name, i, loss, test.want)
			}
		}
	}
}

// The gradient with respect to the queries is (sum_j p_j k_j - k_own)/(N*T), p being the softmax; keys and
// queue get none.
func TestInfoNCEGradient(t *testing.T) {
	const temperature = 0.2
	q, k, queue := sineQueries(), sineKeys(), sineQueue()
	got := onGo(t, func(args []*Node) []*Node {
		return Gradient(infoNCE(args[0], args[1], args[2], temperature).loss, args...)
	}, q, k, queue)
	qs, ks, negatives := floats(q), floats(k), floats(queue)
	want := make([]float64, len(qs))
	for n := range 4 {
		candidates := append(slices.Clone(ks[8*n:8*n+8]), negatives...)
		weights, sum := make([]float64, 17), 0.0
		for j := range weights {
			for c := range 8 {
				weights[j] += float64(qs[8*n+c]) * float64(candidates[8*j+c]) / temperature
			}
			weights[j] = math.Exp(weights[j])
			sum += weights[j]
		}
		for c := range 8 {
			for j, w := range weights {
				want[8*n+c] += w / sum * float64(candidates[8*j+c])
			}
			want[8*n+c] = (want[8*n+c] - float64(candidates[c])) / (4 * temperature)
		}
	}
	if d := parity.Compare(got[0], want); !(d.RelL2 < parity.Forward) {
		t.Errorf("queries: %v", d)
	}
	for i, name := range []string{"keys", "queue"} {
		for _, g := range got[i+1] {
			if g != 0 {
				t.Errorf("gradient %v reaches the %s, want none", g, name)
				break
			}
		}
	}
}

// Top-1 and top-5 against the rank of the own key in a sorted list, similarities against plain means.
func TestContrastFigures(t *testing.T) {
	const n, k, d = 40, 12, 5 // few negatives in few dimensions: ranks from 1 to 13
	q, key := parity.UnitRows("q", n, d), parity.UnitRows("k", n, d)
	queue := parity.UnitRows("queue", k, d)
	got := onGo(t, lossOf(0.1), tensors.FromFlatDataAndDimensions(q, n, d),
		tensors.FromFlatDataAndDimensions(key, n, d), tensors.FromFlatDataAndDimensions(queue, k, d))[1]
	dot := func(a, b []float32) float64 {
		sum := 0.0
		for i := range a {
			sum += float64(a[i]) * float64(b[i])
		}
		return sum
	}
	want := make([]float64, 5)
	for i := range n {
		own := dot(q[i*d:(i+1)*d], key[i*d:(i+1)*d])
		all, sum := []float64{own}, math.Exp(own/0.1)
		for j := range k {
			s := dot(q[i*d:(i+1)*d], queue[j*d:(j+1)*d])
			all = append(all, s)
			sum += math.Exp(s / 0.1)
			want[FigureNegative] += s / n / k
		}
		slices.Sort(all)
		slices.Reverse(all)
		rank := slices.Index(all, own)
		if rank < 1 {
			want[FigureTop1] += 1.0 / n
		}
		if rank < 5 {
			want[FigureTop5] += 1.0 / n
		}
		want[FigurePositive] += own / n
		want[FigureLoss] += (math.Log(sum) - own/0.1) / n
	}
	if want[FigureTop1] == 0 || want[FigureTop5] <= want[FigureTop1] || want[FigureTop5] == 1 {
		t.Fatalf("the case tells nothing: top-1 %v, top-5 %v", want[FigureTop1], want[FigureTop5])
	}
	if difference := parity.Compare(got, want); !(difference.MaxAbs < 1e-5) {
		t.Errorf("figures %v, want %v: %v", got, want, difference)
	}
}

func TestSpread(t *testing.T) {
	const d = 16
	tests := []struct {
		name            string
		keys            *tensors.Tensor
		want, tolerance float64
	}{
		{"one point", unit(32, d, func(_, c int) float64 { return float64(c) - 5 }), 0, 2e-3},
		{"the axes and their opposites", unit(2*d, d, func(row, c int) float64 {
			if row/2 == c {
				return float64(1 - 2*(row%2))
			}
			return 0
		}), 1, 1e-6},
		{"the axes", unit(d, d, func(row, c int) float64 {
			if row == c {
				return 1
			}
			return 0
		}), math.Sqrt(1 - 1.0/d), 1e-6},
		{"two opposite points", unit(8, d, func(row, _ int) float64 { return float64(1 - 2*(row%2)) }), 1, 1e-6},
	}
	for _, test := range tests {
		got := onGo(t, func(args []*Node) []*Node { return []*Node{spread(args[0])} }, test.keys)[0][0]
		if !(math.Abs(float64(got)-test.want) <= test.tolerance) {
			t.Errorf("%s: spread %v, want %v", test.name, got, test.want)
		}
	}
}

func floats(t *tensors.Tensor) []float32 { return tensors.MustCopyFlatData[float32](t) }
